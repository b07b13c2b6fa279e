package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// Test runs the tests of every rule, also of those that are not enabled, with
// the params of the file: an override does not have to fit the tests. Its error
// has a line for each that fails.
func (s *Set) Test() error {
	var p yamlfile.Problems
	for _, r := range s.rules {
		// They were compiled before; this time it is without overrides.
		c := r.text.compile(&p, r.text.params)
		if c.when == nil {
			continue
		}
		for _, t := range r.text.tests {
			v := &variable{name: string(r.ForEach), root: t.root}
			if fires, why := verdict(run(c.when, v)); fires != t.fires.Text {
				p.Add(t.at, "rule %s, test %s: fires should be %s, but is %s%s", r.ID, yamlfile.Quote(t.name.Text), t.fires.Text, fires, why)
				continue
			}
			if want := t.severity.Text; want != "" {
				if got, err := c.severity(Severity(r.text.severity.Text), v); err != nil {
					p.Add(t.at, "rule %s, test %s: %v", r.ID, yamlfile.Quote(t.name.Text), err)
				} else if string(got) != want {
					p.Add(t.at, "rule %s, test %s: severity should be %s, but is %s", r.ID, yamlfile.Quote(t.name.Text), want, got)
				}
			}
			if t.message.Text == "" {
				continue
			}
			if said, err := r.text.say(c.message, v); err != nil {
				p.Add(t.at, "rule %s, test %s: %v", r.ID, yamlfile.Quote(t.name.Text), err)
			} else if said != t.message.Text {
				p.Add(t.at, "rule %s, test %s: message should be %s, but is %s", r.ID, yamlfile.Quote(t.name.Text), yamlfile.Quote(t.message.Text), yamlfile.Quote(said))
			}
		}
	}
	return p.Err()
}

// verdict returns what a test has under fires, and why where rules cannot tell.
func verdict(got ref.Val, err error) (fires, why string) {
	if err != nil {
		return "an error", fmt.Sprintf(": %v", err)
	}
	if u, ok := got.(*types.Unknown); ok {
		return "undetermined", ", since the test does not give " + yamlfile.Join(facts(u), "and")
	}
	if got == types.True {
		return "true", ""
	}
	return "false", ""
}

// facts names the unknown facts.
func facts(u *types.Unknown) []string {
	var names []string
	for _, id := range u.IDs() {
		trails, _ := u.GetAttributeTrails(id)
		for _, t := range trails {
			names = append(names, t.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// object returns an object with the facts that a test gives, all others
// unknown; nil is none.
func (l *loader) object(t *objectType, n *yamlfile.Node) *object {
	o := &object{kind: t, given: make([]ref.Val, len(t.facts))}
	fields := make([]yamlfile.Field, len(t.facts))
	for i := range t.facts {
		f := &t.facts[i]
		if f.of != nil {
			o.given[i] = l.object(f.of, nil)
		}
		fields[i] = yamlfile.Field{Name: f.name, Decode: func(n *yamlfile.Node) {
			if f.of != nil {
				o.given[i] = l.object(f.of, n)
			} else {
				o.given[i] = decode(l.Problems, n, t.path+"."+f.name, f.typ)
			}
		}}
	}
	if n != nil {
		l.Mapping(n, t.path, fields...)
	}
	if strings.HasSuffix(t.path, ".quota") {
		o.derive()
	}
	return o
}

// derive completes a quota by what follows from what is given.
func (o *object) derive() {
	at := o.kind.index
	set := func(name string, v any) {
		if o.given[at[name]] == nil {
			o.given[at[name]] = types.DefaultTypeAdapter.NativeToValue(v)
		}
	}
	if o.given[at["unlimited"]] == types.True {
		set("limit", math.Inf(1))
	}
	limit, limited := o.given[at["limit"]].(types.Double)
	used, counted := o.given[at["used"]].(types.Double)
	q := inventory.Quota{Known: true, Limit: float64(limit), Used: float64(used)}
	if limited {
		set("unlimited", q.Unlimited())
	}
	if limited && counted {
		set("headroom", q.Headroom())
		set("used_ratio", q.UsedRatio())
	}
}
