package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// decoder turns a document into a [Config] and remembers where each value was
// written, for checks that come later. It is used once.
type decoder struct {
	*yamlfile.Problems
	node   map[any]*yamlfile.Node // what was written for a value, by the pointer to it
	broken map[any]struct{}       // values that have a mistake, by the pointer to them
}

// fail takes note of a mistake in the value at p.
func (d *decoder) fail(p any, format string, args ...any) {
	d.broken[p] = struct{}{}
	d.Add(d.node[p].At(), format, args...)
}

// sound reports whether none of the values has a mistake so far; to compare
// one that has would only add a second, confusing message.
func (d *decoder) sound(values ...any) bool {
	return !slices.ContainsFunc(values, func(p any) bool { _, ok := d.broken[p]; return ok })
}

// set reports whether the file has the value at p.
func (d *decoder) set(p any) bool { return d.node[p] != nil }

// line returns the line of a value that the file has.
func (d *decoder) line(p any) int { return d.node[p].At().Line }

// value decodes n into v, a field of a [Config] or an item of one. name is
// its key, for errors.
func (d *decoder) value(n *yamlfile.Node, v reflect.Value, name string) {
	p := v.Addr().Interface()
	d.node[p] = n
	switch {
	case v.Type() == reflect.TypeFor[*yamlfile.Node]():
		if d.Is(n, yamlfile.Mapping, name, wanted(v)) {
			v.Set(reflect.ValueOf(n))
		}
	case v.Kind() == reflect.Pointer:
		item := reflect.New(v.Type().Elem())
		d.value(n, item.Elem(), name)
		v.Set(item)
	case n.Kind == yamlfile.Scalar && v.Type() == reflect.TypeFor[Regions]() && isWord(n.Text):
		v.Set(reflect.ValueOf(make(Regions, 1)))
		d.value(n, v.Index(0), name)
	case n.Kind == yamlfile.Scalar && d.scalar(n.Text, v, name):
	case n.Kind == yamlfile.Mapping && v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, pair := range n.Pairs {
			o := reflect.ValueOf(&rules.Override{At: pair.Key.At()}).Elem() // There are no other mappings with any key.
			if pair.Value.Kind != yamlfile.Null {
				d.value(pair.Value, o, pair.Key.Text)
			}
			v.SetMapIndex(reflect.ValueOf(pair.Key.Text), o)
		}
	case n.Kind == yamlfile.Mapping && v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Regexp]():
		d.mapping(n, v, name)
	case n.Kind == yamlfile.List && v.Kind() == reflect.Slice:
		// The items stay where they are from here on, since their pointers are kept.
		v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
		for i, item := range n.Items {
			d.value(item, v.Index(i), "an item of "+name)
		}
	default:
		d.broken[p] = struct{}{}
		d.Wrong(n, name, wanted(v))
	}
}

// scalar decodes text into v and reports whether that was possible. What YAML
// takes the text for does not matter: an account id stays the digits that were
// written, and no is a word.
func (d *decoder) scalar(text string, v reflect.Value, name string) bool {
	var err error
	switch p := v.Addr().Interface().(type) {
	case *model.Duration:
		*p, err = model.ParseDuration(text)
	case *int:
		*p, err = strconv.Atoi(text)
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
	case *bool:
		*p = text == "true"
		return *p || text == "false"
	case *Regexp:
		re, err := newRegexp(text)
		if *p = re; err != nil {
			d.fail(p, "%s must be %s, not %s: %v", name, wanted(v), yamlfile.Quote(text), err)
		}
	default:
		if v.Kind() != reflect.String {
			return false
		}
		v.SetString(text)
	}
	return err == nil
}

// wanted says what can be written for v.
func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case model.Duration:
		return "a duration such as 30s, 5m, 1h30m or 1d"
	case int:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case Regions:
		return "a list, " + RegionsAll + " or " + RegionsAuto
	case Regexp:
		return "a regular expression in RE2 syntax"
	}
	switch v.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	default:
		return "a mapping of keys to values"
	}
}

// mapping decodes n into the fields of v, a struct.
func (d *decoder) mapping(n *yamlfile.Node, v reflect.Value, name string) {
	var fields []yamlfile.Field
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key != "-" {
			fields = append(fields, yamlfile.Field{Name: key, Decode: func(n *yamlfile.Node) { d.value(n, v.Field(i), key) }})
		}
	}
	d.Mapping(n, name, fields...)
}
