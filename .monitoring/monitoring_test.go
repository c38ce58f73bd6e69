package monitoring

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// The board has what the schema of Grafana allows, and nothing else; panels have ids of their own
// and do not overlap.
func TestTheBoardIsValid(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	raw, err := os.ReadFile("../docs/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var strict, board dashboard.Dashboard
	// The SDK's result is of its own type, and not nil where there is no error.
	var wrong cog.BuildErrors
	if err := strict.UnmarshalJSONStrict(raw); err != nil && (!errors.As(err, &wrong) || len(wrong) > 0) {
		t.Fatalf("not of Grafana's schema: %v", err)
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	if err := board.Validate(); err != nil {
		t.Errorf("not as Grafana's schema demands: %v", err)
	}
	ids, places := make(map[uint32]bool), make(map[[2]uint32]string)
	for _, one := range board.Panels {
		if one.Panel == nil {
			continue
		}
		p := one.Panel
		if p.Id == nil || ids[*p.Id] {
			t.Errorf("panel %q has no id, or that of another one", *p.Title)
			continue
		}
		ids[*p.Id] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]uint32{p.GridPos.X + x, p.GridPos.Y + y}
				if other := places[at]; other != "" || at[0] >= 24 {
					t.Fatalf("panel %q is where %q is, or beside the board", *p.Title, other)
				}
				places[at] = *p.Title
			}
		}
		for _, target := range p.Targets {
			query, ok := target.(*prometheus.Dataquery)
			if !ok || query.Expr == "" {
				t.Errorf("panel %q has a query that is none of Prometheus: %T", *p.Title, target)
			}
		}
	}
	if len(ids) < 20 {
		t.Errorf("the board has only %d panels", len(ids))
	}
}

// Each rule is raised when it should be, and only then.
func TestTheRulesDoWhatTheySay(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: apt-get install prometheus")
	}
	for _, what := range []string{"check", "test"} {
		file := map[string]string{"check": "rules.yml", "test": "tests.yml"}[what]
		command := exec.Command(promtool, what, "rules", file)
		command.Dir = "../docs/monitoring"
		if said, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s rules %s: %v\n%s", what, file, err, said)
		}
	}
}
