package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"gopkg.in/yaml.v3"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Test runs the tests of every rule, also of those that are not enabled, with
// the params of the file: an override does not have to fit the tests. Its error
// has a line for each that fails.
func (s *Set) Test() error {
	p := &problems{}
	for _, r := range s.rules {
		// They were compiled before; this time it is without overrides.
		when, message := r.text.compile(p, r.text.params)
		if when == nil {
			continue
		}
		for _, t := range r.text.tests {
			v := &variable{name: string(r.ForEach), root: t.root}
			got, err := run(when, v)
			if is := verdict(got, err); is != t.fires.value {
				p.add(t.at, "rule %s, test %s: %s, but the test says that it %s", r.ID, quote(t.name.value), outcome(is, got, err), outcome(t.fires.value, nil, nil))
				continue
			}
			if !t.message.given() {
				continue
			}
			if said, err := r.text.say(message, v); err != nil || said != t.message.value {
				p.add(t.at, "rule %s, test %s: the message is %s, not %s%s", r.ID, quote(t.name.value), quote(said), quote(t.message.value), because(err))
			}
		}
	}
	return p.err()
}

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
		return "fires"
	case "false":
		return "does not fire"
	case "undetermined":
		if u, ok := got.(*types.Unknown); ok {
			return "is undetermined for want of " + list(facts(u), "and")
		}
		return "is undetermined"
	default:
		return fmt.Sprintf("fails: %v", err)
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

// object returns an object with the facts that a test gives, all others unknown.
func (f *file) object(t *objectType, n *yaml.Node) *object {
	o := &object{kind: t, given: make([]ref.Val, len(t.facts))}
	if f.is(n, yaml.MappingNode, t.path, "a mapping of facts to values") {
		f.pairs(n, t.path, func(name string, k, v *yaml.Node) {
			i, ok := t.index[name]
			if !ok {
				f.fail(k, "%s has no fact %s; it has %s", t.path, quote(name), list(t.names(), "and"))
				return
			}
			if of := t.facts[i].of; of != nil {
				o.given[i] = f.object(of, v)
				return
			}
			o.given[i] = f.value(&t.facts[i], t.path+"."+name, v)
		})
	}
	for i := range t.facts {
		if of := t.facts[i].of; of != nil && o.given[i] == nil {
			o.given[i] = &object{kind: of, given: make([]ref.Val, len(of.facts))}
		}
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

// value decodes a fact's value.
func (f *file) value(fact *fact, name string, n *yaml.Node) ref.Val {
	switch fact.typ.Kind() {
	case types.ListKind:
		var items []string
		f.list(n, name, func(i *yaml.Node) {
			if f.is(i, yaml.ScalarNode, "an item of "+name, "text") {
				items = append(items, i.Value)
			}
		})
		return types.NewStringList(types.DefaultTypeAdapter, items)
	case types.MapKind:
		m := map[string]string{}
		if f.is(n, yaml.MappingNode, name, "a mapping of text to text") {
			f.pairs(n, name, func(key string, _, v *yaml.Node) {
				if f.is(v, yaml.ScalarNode, name+"."+key, "text") {
					m[key] = v.Value
				}
			})
		}
		return newTags(m)
	default:
		return f.scalar(fact, name, n)
	}
}

func (f *file) scalar(fact *fact, name string, n *yaml.Node) ref.Val {
	wanted := map[types.Kind]string{
		types.StringKind: "text", types.BoolKind: "true or false", types.IntKind: "a whole number",
		types.DoubleKind: "a number", types.TimestampKind: "a time such as 2026-11-23T12:00:00Z",
	}[fact.typ.Kind()]
	if !f.is(n, yaml.ScalarNode, name, wanted) {
		return nil
	}
	if fact.typ.Kind() == types.StringKind {
		return types.String(n.Value)
	}
	if fact.typ.Kind() == types.TimestampKind {
		if at, err := time.Parse(time.RFC3339, n.Value); err == nil {
			return types.Timestamp{Time: at}
		}
	} else if v, ok := f.literal(n, name); ok {
		switch v := v.(type) {
		case bool:
			if fact.typ.Kind() == types.BoolKind {
				return types.Bool(v)
			}
		case int64:
			if fact.typ.Kind() == types.DoubleKind {
				return types.Double(v)
			}
			if fact.typ.Kind() == types.IntKind {
				return types.Int(v)
			}
		case float64:
			if fact.typ.Kind() == types.DoubleKind {
				return types.Double(v)
			}
		}
	}
	f.fail(n, "%s must be %s, not %s", name, wanted, quote(n.Value))
	return nil
}
