package iac

import (
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

const (
	// maxSteps is how many values of a template are worked out, and characters of
	// what functions make, and maxDepth how many values within each other:
	// functions can refer to each other in circles.
	maxSteps = 2_000_000
	maxDepth = 50
	// maxText is how long a text may get that functions put together.
	maxText = 1 << 16
)

// open stands for a value that is known only once the template is deployed.
var open = &yamlfile.Node{Kind: yamlfile.Broken}

// The marks of an account and a region in a text that are not known, but are
// those of the stack. No text of AWS has such characters.
const (
	ownAccount = "\x00account\x00"
	ownRegion  = "\x00region\x00"
)

func scalar(text string) *yamlfile.Node {
	return &yamlfile.Node{Kind: yamlfile.Scalar, Text: text, Tag: "!!str"}
}

// evaluator works out values of a template. What it returns is a node without
// functions at its top, nil for nothing, or open.
type evaluator struct {
	*stack
	key   inventory.Key
	steps int // left
	depth int
}

func newEvaluator(s *stack, key inventory.Key) *evaluator {
	return &evaluator{stack: s, key: key, steps: maxSteps}
}

// get returns what a mapping has under the key.
func (e *evaluator) get(n *yamlfile.Node, key string) *yamlfile.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yamlfile.Mapping {
		return open
	}
	v := child(n, key)
	if v == nil && child(n, "Fn::Transform") != nil {
		return open // A macro may add it.
	}
	return e.resolve(v)
}

// text returns the text of what resolve returned, empty for nothing.
func (e *evaluator) text(n *yamlfile.Node) (text string, known bool) {
	if n == nil {
		return "", true
	}
	if n.Kind != yamlfile.Scalar || strings.Contains(n.Text, "\x00") {
		return "", false
	}
	return n.Text, true
}

// tri returns a boolean.
func (e *evaluator) tri(n *yamlfile.Node) inventory.Tri {
	text, _ := e.text(n)
	switch strings.ToLower(text) {
	case "true":
		return inventory.Yes
	case "false":
		return inventory.No
	default:
		return inventory.Unknown
	}
}

// items returns what is in a list, without what is nothing.
func (e *evaluator) items(n *yamlfile.Node) (items []*yamlfile.Node, known bool) {
	if n == nil {
		return nil, true
	}
	if n.Kind != yamlfile.List {
		return nil, false
	}
	known = true
	for _, item := range n.Items {
		switch v := e.resolve(item); v {
		case nil:
		case open:
			known = false
		default:
			items = append(items, v)
		}
	}
	return items, known
}

// texts returns a list of texts.
func (e *evaluator) texts(n *yamlfile.Node) (all []string, known bool) {
	items, known := e.items(n)
	for _, item := range items {
		text, ok := e.text(item)
		known = known && ok
		all = append(all, text)
	}
	return all, known
}

// function returns the intrinsic function that a value is, and its argument.
func function(n *yamlfile.Node) (name string, argument *yamlfile.Node) {
	if short, ok := strings.CutPrefix(n.Tag, "!"); ok && !strings.HasPrefix(short, "!") {
		plain := *n
		plain.Tag = "!!str"
		if short == "Ref" || short == "Condition" {
			return short, &plain
		}
		return "Fn::" + short, &plain
	}
	if n.Kind != yamlfile.Mapping || len(n.Pairs) != 1 {
		return "", nil
	}
	if key := n.Pairs[0].Key.Text; key == "Ref" || strings.HasPrefix(key, "Fn::") {
		return key, n.Pairs[0].Value
	}
	return "", nil
}

// resolve works out the functions at the top of a value.
func (e *evaluator) resolve(n *yamlfile.Node) *yamlfile.Node {
	if n == nil || n.Kind == yamlfile.Null {
		return nil
	}
	name, argument := function(n)
	if name == "" {
		return n
	}
	if !e.spend(100) || e.depth > maxDepth {
		return open
	}
	e.depth++
	defer func() { e.depth-- }()
	switch name {
	case "Ref":
		return e.ref(argument.Text)
	case "Fn::Sub":
		return e.sub(argument)
	case "Fn::Join":
		return e.join(argument)
	case "Fn::Select":
		return e.choose(argument)
	case "Fn::Split":
		return e.split(argument)
	case "Fn::FindInMap":
		return e.lookUp(argument)
	case "Fn::If":
		return e.branch(argument)
	default:
		return open
	}
}

// spend reports whether so many steps are left, and takes them.
func (e *evaluator) spend(steps int) bool {
	e.steps -= steps
	return e.steps >= 0
}

// cut returns the list of what is between the separators of a text.
func (e *evaluator) cut(text, between string) *yamlfile.Node {
	if !e.spend(len(text)) {
		return open
	}
	list := &yamlfile.Node{Kind: yamlfile.List}
	for item := range strings.SplitSeq(text, between) {
		list.Items = append(list.Items, scalar(item))
	}
	return list
}

// part returns an item of a function's arguments; nil if there are not so many.
func part(list *yamlfile.Node, i int) *yamlfile.Node {
	if list.Kind != yamlfile.List || i >= len(list.Items) {
		return nil
	}
	return list.Items[i]
}

// ref returns what the name of a parameter, a pseudo parameter or a resource
// stands for.
func (e *evaluator) ref(name string) *yamlfile.Node {
	switch name {
	case "AWS::NoValue":
		return nil
	case "AWS::AccountId":
		return scalar(orMark(e.key.AccountID, ownAccount))
	case "AWS::Region":
		return scalar(orMark(e.key.Region, ownRegion))
	case "AWS::Partition":
		return scalar(inventory.Partition(e.key.Region))
	}
	if strings.HasPrefix(name, "AWS::") {
		return open
	}
	if p := child(child(e.root, "Parameters"), name); p != nil {
		return e.parameter(name, p)
	}
	r := child(child(e.root, "Resources"), name)
	if r == nil {
		return open
	}
	// What Ref returns of these is their name, where the template gives it.
	property := map[string]string{cfnIdentity: "EmailIdentity", cfnSet: "Name"}[textOf(child(r, "Type"))]
	v := e.get(e.resolve(child(r, "Properties")), property)
	if property == "" || v == nil {
		return open
	}
	return v
}

func orMark(text, mark string) string {
	if text == "" {
		return mark
	}
	return text
}

func textOf(n *yamlfile.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// parameter returns what is given for a parameter, or its default.
func (e *evaluator) parameter(name string, p *yamlfile.Node) *yamlfile.Node {
	if e.tri(child(p, "NoEcho")) == inventory.Yes {
		return open
	}
	v, kind := child(p, "Default"), textOf(child(p, "Type"))
	if given := e.given[name]; given != nil {
		v = given
	}
	if v == nil || v.Kind != yamlfile.Scalar || strings.HasPrefix(kind, "AWS::SSM::") {
		return open
	}
	if kind != "CommaDelimitedList" && !strings.HasPrefix(kind, "List<") {
		return v
	}
	list := e.cut(v.Text, ",")
	for _, item := range list.Items {
		item.Text = strings.TrimSpace(item.Text)
	}
	return list
}

// raw returns a text that may have marks in it.
func raw(n *yamlfile.Node) (string, bool) {
	if n == nil || n.Kind != yamlfile.Scalar {
		return "", false
	}
	return n.Text, true
}

// sub puts values into a text.
func (e *evaluator) sub(argument *yamlfile.Node) *yamlfile.Node {
	var own *yamlfile.Node
	if argument.Kind == yamlfile.List {
		argument, own = part(argument, 0), part(argument, 1)
	}
	rest, ok := raw(argument)
	if !ok {
		return open
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(rest, "${")
		b.WriteString(before)
		if !found {
			break
		}
		name, behind, closed := strings.Cut(after, "}")
		if !closed {
			b.WriteString("${" + after)
			break
		}
		rest = behind
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			b.WriteString("${" + literal + "}")
			continue
		}
		v := child(own, name)
		if v != nil {
			v = e.resolve(v)
		} else if v = e.ref(name); strings.Contains(name, ".") {
			v = open // An attribute of a resource.
		}
		text, ok := raw(v)
		if !ok || b.Len()+len(text) > maxText || !e.spend(len(text)) {
			return open
		}
		b.WriteString(text)
	}
	return scalar(b.String())
}

// join puts the items of a list together.
func (e *evaluator) join(argument *yamlfile.Node) *yamlfile.Node {
	between, ok := raw(part(argument, 0))
	list := e.resolve(part(argument, 1))
	if !ok || list == nil || list.Kind != yamlfile.List {
		return open
	}
	var b strings.Builder
	written := false
	for _, item := range list.Items {
		v := e.resolve(item)
		if v == nil {
			continue
		}
		text, ok := raw(v)
		if !ok || b.Len()+len(text) > maxText || !e.spend(len(text)) {
			return open
		}
		if written {
			b.WriteString(between)
		}
		b.WriteString(text)
		written = true
	}
	return scalar(b.String())
}

// choose returns an item of a list by its index.
func (e *evaluator) choose(argument *yamlfile.Node) *yamlfile.Node {
	index, _ := raw(e.resolve(part(argument, 0)))
	i, err := strconv.Atoi(index)
	list := e.resolve(part(argument, 1))
	if err != nil || i < 0 || list == nil || part(list, i) == nil {
		return open
	}
	return e.resolve(part(list, i))
}

// split takes a text apart.
func (e *evaluator) split(argument *yamlfile.Node) *yamlfile.Node {
	between, ok := raw(part(argument, 0))
	text, ok2 := raw(e.resolve(part(argument, 1)))
	if !ok || !ok2 || between == "" {
		return open
	}
	return e.cut(text, between)
}

// lookUp returns a value of Mappings.
func (e *evaluator) lookUp(argument *yamlfile.Node) *yamlfile.Node {
	v := child(e.root, "Mappings")
	for i := range 3 {
		key, ok := raw(e.resolve(part(argument, i)))
		if !ok {
			return open
		}
		v = child(v, key)
	}
	if v == nil {
		return open
	}
	return v
}

// branch returns one of two values by a condition, or both if they are the same.
func (e *evaluator) branch(argument *yamlfile.Node) *yamlfile.Node {
	yes, no := part(argument, 1), part(argument, 2)
	switch e.named(textOf(part(argument, 0))) {
	case inventory.Yes:
		return e.resolve(yes)
	case inventory.No:
		return e.resolve(no)
	default:
		a, b := e.resolve(yes), e.resolve(no)
		if text, ok := raw(a); ok {
			if other, ok := raw(b); ok && text == other {
				return a
			}
		}
		return open
	}
}

// named returns whether a condition of the template holds.
func (e *evaluator) named(name string) inventory.Tri {
	return e.holds(child(child(e.root, "Conditions"), name))
}

// holds returns whether an expression of a condition does.
func (e *evaluator) holds(n *yamlfile.Node) inventory.Tri {
	if n == nil {
		return inventory.Unknown
	}
	if !e.spend(100) || e.depth > maxDepth {
		return inventory.Unknown
	}
	e.depth++
	defer func() { e.depth-- }()
	if c := child(n, "Condition"); c != nil {
		return e.named(c.Text)
	}
	name, argument := function(n)
	if (name == "Fn::And" || name == "Fn::Or") && argument.Kind != yamlfile.List {
		return inventory.Unknown // A macro may make it.
	}
	switch name {
	case "Condition":
		return e.named(argument.Text)
	case "Fn::Equals":
		a, ok := raw(e.resolve(part(argument, 0)))
		b, ok2 := raw(e.resolve(part(argument, 1)))
		if !ok || !ok2 || strings.Contains(a+b, "\x00") {
			return inventory.Unknown
		}
		return inventory.Known(a == b)
	case "Fn::Not":
		return e.holds(part(argument, 0)).Not()
	case "Fn::And":
		all := inventory.Yes
		for _, item := range argument.Items {
			all = all.And(e.holds(item))
		}
		return all
	case "Fn::Or":
		some := inventory.No
		for _, item := range argument.Items {
			some = some.Or(e.holds(item))
		}
		return some
	default:
		return inventory.Unknown
	}
}

// identity returns the identity that a SourceArn will name, whose account or
// region are the stack's and not known.
func (e *evaluator) identity(n *yamlfile.Node) inventory.IdentityRef {
	text, _ := raw(n)
	part := strings.SplitN(text, ":", 6)
	if len(part) < 6 || strings.Contains(part[5], "\x00") {
		return inventory.IdentityRef{}
	}
	account, region := part[4], part[3]
	if account == ownAccount {
		part[4], account = "account", e.key.AccountID
	}
	if region == ownRegion {
		part[3], region = "region", e.key.Region
	}
	ref, _ := inventory.ParseSourceARN(strings.Join(part, ":"))
	if ref.Name != "" {
		ref.AccountID, ref.Region = account, region
	}
	return ref
}
