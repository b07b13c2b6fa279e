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
		when, message := r.text.compile(&p, r.text.params)
		if when == nil {
			continue
		}
		for _, t := range r.text.tests {
			v := &variable{name: string(r.ForEach), root: t.root}
			got, err := run(when, v)
			if is := verdict(got, err); is != t.fires.Text {
				p.Add(t.at, "rule %s, test %s: it should %s, but %s", r.ID, yamlfile.Quote(t.name.Text), expected[t.fires.Text], outcome(is, got, err))
				continue
			}
			if t.message.Text == "" {
				continue
			}
			if said, err := r.text.say(message, v); err != nil || said != t.message.Text {
				p.Add(t.at, "rule %s, test %s: the message should be %s, but is %s%s", r.ID, yamlfile.Quote(t.name.Text), yamlfile.Quote(t.message.Text), yamlfile.Quote(said), because(err))
			}
		}
	}
	return p.Err()
}

// expected says what a rule should do, by what a test has under fires.
var expected = map[string]string{"true": "fire", "false": "not fire", "undetermined": "be undetermined"}

func verdict(got ref.Val, err error) string {
	switch {
	case err != nil:
		return "error"
	case types.IsUnknown(got):
		return "undetermined"
	case got == types.True:
		return "true"
	default:
		return "false"
	}
}

// outcome says in words how a rule ended.
func outcome(verdict string, got ref.Val, err error) string {
	switch verdict {
	case "true":
		return "it fires"
	case "false":
		return "it does not fire"
	case "undetermined":
		names := facts(got.(*types.Unknown))
		if len(names) == 1 {
			return "it is undetermined, because " + names[0] + " is unknown"
		}
		return "it is undetermined, because " + yamlfile.Join(names, "and") + " are unknown"
	default:
		return fmt.Sprintf("it fails: %v", err)
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf(": %v", err)
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
