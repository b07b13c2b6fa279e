package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// keyPaths returns every key that a type has, such as accounts[].id.
func keyPaths(prefix string, t reflect.Type) []string {
	var paths []string
	for f := range t.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" {
			continue
		}
		path, inner := prefix+key, f.Type
		paths = append(paths, path)
		if inner.Kind() == reflect.Slice {
			path, inner = path+"[]", inner.Elem()
		}
		if inner.Kind() == reflect.Map {
			path, inner = path+".ID", inner.Elem()
			paths = append(paths, path)
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[Regexp]() {
			paths = append(paths, keyPaths(path+".", inner)...)
		}
	}
	return paths
}

// written returns the keys that are in a YAML tree, with their scalar values.
func written(prefix string, n *yamlfile.Node, found map[string]string) {
	for _, item := range n.Items {
		written(prefix+"[]", item, found)
	}
	if prefix != "" {
		prefix += "."
	}
	for _, p := range n.Pairs {
		key := prefix + p.Key.Text
		if prefix == "rules.overrides." {
			key = prefix + "ID"
		}
		found[key] = p.Value.Text
		written(key, p.Value, found)
	}
}

func tree(t *testing.T, data string) map[string]string {
	t.Helper()
	var p yamlfile.Problems
	n := yamlfile.Parse(&p, format, "x", []byte(data))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	written("", n, found)
	return found
}

func TestExample(t *testing.T) {
	const file = "../../config.example.yaml"
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := tree(t, string(data))
	for _, key := range keyPaths("", reflect.TypeFor[Config]()) {
		if _, ok := found[key]; !ok {
			t.Errorf("%s does not have the key %s", file, key)
		}
	}
	// It says so of itself.
	c.Organization = Default().Organization
	c.Regions, c.Accounts, c.Tags, c.Identities.Exclude, c.Rules.Overrides = nil, nil, nil, nil, nil
	if got, want := c.Redacted(), Default().Redacted(); got != want {
		t.Errorf("the rest of %s is\n%s\nwant the defaults\n%s", file, got, want)
	}
}

func TestDocumentation(t *testing.T) {
	const file = "../../docs/configuration.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(data), "\n## Keys\n")
	if !ok {
		t.Fatalf("%s has no section Keys", file)
	}
	table, _, _ = strings.Cut(table, "\n## ")
	defaults := map[string]string{} // by key, what is written of them
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(.+?)` \\| [^|]+ \\| ([^|]*) ?\\| [^|]+ \\|$").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
		defaults[row[1]] = row[2]
	}
	keys := keyPaths("", reflect.TypeFor[Config]())
	if !slices.Equal(documented, keys) {
		t.Errorf("%s documents the keys\n%s\nwant\n%s", file, strings.Join(documented, " "), strings.Join(keys, " "))
	}
	for key, value := range tree(t, Default().Redacted()) {
		if value != "" && !strings.Contains(defaults[key], "`"+value+"`") {
			t.Errorf("%s gives the default of %s as %q, want `%s` in it", file, key, defaults[key], value)
		}
	}
}
