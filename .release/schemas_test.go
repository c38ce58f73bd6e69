package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// schemas writes the definitions of Kubernetes' OpenAPI file as JSON schemas for kubeconform, as
// strict ones: a field that the API does not have is an error.
func schemas(swagger, dir string) error {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return err
	}
	var api struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(text, &api); err != nil {
		return fmt.Errorf("%s: %w", swagger, err)
	}
	var failed error
	// A quantity may be written as a number: 1 is "1".
	delete(api.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"], "type")
	for name, d := range api.Definitions {
		kinds, _ := d["x-kubernetes-group-version-kind"].([]any)
		strict(d)
		for _, kind := range kinds {
			kind, _ := kind.(map[string]any)
			group := kind["group"]
			if group == "" {
				group = kind["version"] // which kubeconform takes for it
			}
			id := fmt.Sprintf("%s-%s-%s", kind["kind"], group, kind["version"])
			schema := map[string]any{"$ref": "_definitions.json#/definitions/" + name}
			failed = errors.Join(failed, writeJSON(filepath.Join(dir, strings.ToLower(id)+".json"), schema))
		}
	}
	return errors.Join(failed, writeJSON(filepath.Join(dir, "_definitions.json"), map[string]any{"definitions": api.Definitions}))
}

// strict has an object take its properties alone, and says what OpenAPI says by formats.
func strict(schema map[string]any) {
	if schema["format"] == "int-or-string" {
		delete(schema, "type")
		delete(schema, "format")
		schema["oneOf"] = []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}}
	}
	if _, has := schema["properties"]; has && schema["additionalProperties"] == nil {
		schema["additionalProperties"] = false
	}
	for key, value := range schema {
		switch value := value.(type) {
		case map[string]any:
			if key == "properties" {
				for _, property := range value {
					if property, is := property.(map[string]any); is {
						strict(property)
					}
				}
				continue
			}
			strict(value)
		case string:
			if key == "$ref" {
				schema[key] = strings.Replace(value, "#/definitions/", "_definitions.json#/definitions/", 1)
			}
		}
	}
}

func writeJSON(file string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
