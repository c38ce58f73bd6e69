package gateway

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The pages have each call and each reason with its status, and no others.
func TestThePagesSayWhatIsAnswered(t *testing.T) {
	var api struct {
		Paths      map[string]map[string]any
		Components struct {
			Responses struct {
				Failed struct {
					Headers map[string]struct{ Schema struct{ Enum []Reason } }
				}
			}
		}
	}
	b, err := os.ReadFile("../../../docs/openapi.json")
	if err == nil {
		err = json.Unmarshal(b, &api)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(api.Paths) != len(schemes) {
		t.Errorf("the page has %d paths, want %d", len(api.Paths), len(schemes))
	}
	for path, methods := range api.Paths {
		s, found := schemes[strings.Split(path, "/")[1]]
		if _, has := methods[strings.ToLower(s.method)]; !found || !has || len(methods) != 1 {
			t.Errorf("%s has methods %v, want %s", path, methods, s.method)
		}
	}
	reasons := api.Components.Responses.Failed.Headers["Iris-Reason"].Schema.Enum
	table, err := os.ReadFile("../../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(reasons) != len(statuses) {
		t.Errorf("the page has %d reasons, want %d", len(reasons), len(statuses))
	}
	for reason, status := range statuses {
		if !slices.Contains(reasons, reason) {
			t.Errorf("openapi.json lacks the reason %s", reason)
		}
		row := func(line string) bool {
			cells := strings.Split(line, " | ")
			return len(cells) == 3 && strings.Contains(cells[0], strconv.Itoa(status)) && strings.Contains(cells[1], "`"+string(reason)+"`")
		}
		if !slices.ContainsFunc(strings.Split(string(table), "\n"), row) {
			t.Errorf("http.md lacks the reason %s with status %d", reason, status)
		}
	}
}
