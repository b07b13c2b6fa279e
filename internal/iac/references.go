package iac

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// maxReferences is how many references are followed from one to the next.
const maxReferences = 20

// withoutIndexes returns an address without what is in brackets, so that what is
// left has no dots but those between its parts.
func withoutIndexes(address string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case depth > 0 && c == '"':
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']':
			depth = max(0, depth-1)
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// moduleNames returns the names of the modules in an address, from the outside.
func moduleNames(address string) []string {
	var names []string
	parts := strings.Split(withoutIndexes(address), ".")
	for i := 0; i+1 < len(parts); i += 2 {
		names = append(names, parts[i+1])
	}
	return names
}

// parentModule returns the address of the module that calls the one at address,
// and the name of the call.
func parentModule(address string) (parent, call string) {
	names := moduleNames(address)
	if len(names) == 0 {
		return "", ""
	}
	call = names[len(names)-1]
	if i := strings.LastIndex(address, ".module."+call); i >= 0 {
		parent = address[:i]
	}
	return parent, call
}

// module returns the configuration of a module, empty if it is not told.
func (t *tfPlan) module(address string) *tfjson.ConfigModule {
	none := &tfjson.ConfigModule{}
	if t.Config == nil || t.Config.RootModule == nil {
		return none
	}
	m := t.Config.RootModule
	for _, name := range moduleNames(address) {
		call := m.ModuleCalls[name]
		if call == nil || call.Module == nil {
			return none
		}
		m = call.Module
	}
	return m
}

// configOf returns the configuration of a resource, empty if it is not told.
func (t *tfPlan) configOf(module string, mode tfjson.ResourceMode, kind, name string) *tfjson.ConfigResource {
	for _, r := range t.module(module).Resources {
		if r != nil && r.Mode == mode && r.Type == kind && r.Name == name {
			return r
		}
	}
	return &tfjson.ConfigResource{}
}

// providerKey returns the key of the resource's provider configuration.
func (t *tfPlan) providerKey(r *tfjson.ConfigResource) string {
	key := r.ProviderConfigKey
	if t.Config == nil {
		return key
	}
	if _, ok := t.Config.ProviderConfigs[key]; !ok {
		if _, own, inModule := strings.Cut(key, ":"); inModule {
			return own // It is handed down from the root module.
		}
	}
	return key
}

// learnPlaces finds out which accounts and regions the provider configurations
// are for.
func (t *tfPlan) learnPlaces() {
	t.accounts, t.regions = map[string]string{}, map[string]string{}
	learn := func(of map[string]string, key, is string) {
		if before, ok := of[key]; ok && before != is {
			is = "" // It is for several.
		}
		of[key] = is
	}
	for _, c := range t.changes() {
		if _, ok := tfNames[c.Type]; ok || c.Type == tfPool {
			if account, region := arnPlace(first(before(c).in("arn"))); account != "" {
				key := t.providerKey(t.configOf(c.ModuleAddress, tfjson.ManagedResourceMode, c.Type, c.Name))
				learn(t.accounts, key, account)
				learn(t.regions, key, region)
			}
		}
	}
	if t.PriorState == nil || t.PriorState.Values == nil {
		return
	}
	var walk func(m *tfjson.StateModule)
	walk = func(m *tfjson.StateModule) {
		if m == nil {
			return
		}
		for _, r := range m.Resources {
			if r == nil || r.Mode != tfjson.DataResourceMode || r.Type != "aws_caller_identity" {
				continue
			}
			if account, ok := r.AttributeValues["account_id"].(string); ok && isAccount(account) {
				learn(t.accounts, t.providerKey(t.configOf(m.Address, tfjson.DataResourceMode, r.Type, r.Name)), account)
			}
		}
		for _, child := range m.ChildModules {
			walk(child)
		}
	}
	walk(t.PriorState.Values.RootModule)
}

// isAccount reports whether the text is the ID of an account.
func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isRegion reports whether the text is a region's code.
func isRegion(s string) bool { return slices.Contains(inventory.KnownRegions(), s) }

// arnPlace returns the account and the region of an ARN, empty without them.
func arnPlace(arn string) (account, region string) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) < 6 || part[0] != "arn" {
		return "", ""
	}
	if isAccount(part[4]) {
		account = part[4]
	}
	return account, part[3]
}

// keyOf returns the account and the region of a resource, as far as they are
// told: by itself, else by its provider configuration.
func (t *tfPlan) keyOf(c *tfjson.ResourceChange) inventory.Key {
	account, region := arnPlace(first(after(c).in("arn"), before(c).in("arn")))
	if own := first(after(c).in("region"), before(c).in("region")); own != "" {
		region = own
	}
	if c.Type == tfPool && region == "" {
		id := first(before(c).in("id"))
		if id == "" && c.Change.Importing != nil {
			id = c.Change.Importing.ID
		}
		if before, _, ok := strings.Cut(id, "_"); ok && isRegion(before) {
			region = before
		}
	}
	key := t.providerKey(t.configOf(c.ModuleAddress, tfjson.ManagedResourceMode, c.Type, c.Name))
	own := t.provider(key)
	return inventory.Key{AccountID: cmp.Or(account, own.AccountID, t.accounts[key]), Region: cmp.Or(region, own.Region, t.regions[key])}
}

// provider returns the account and the region that a provider configuration
// names: its region, and its role or the only account that it allows.
func (t *tfPlan) provider(key string) (place inventory.Key) {
	if t.Config == nil || t.Config.ProviderConfigs[key] == nil {
		return inventory.Key{}
	}
	c := t.Config.ProviderConfigs[key]
	if region, ok := t.constant(c.ModuleAddress, c.Expressions["region"], 0).(string); ok && isRegion(region) {
		place.Region = region
	}
	if role := c.Expressions["assume_role"]; role != nil && role.ExpressionData != nil && len(role.NestedBlocks) > 0 {
		if arn, ok := t.constant(c.ModuleAddress, role.NestedBlocks[0]["role_arn"], 0).(string); ok {
			place.AccountID, _ = arnPlace(arn)
		}
	}
	if allowed, ok := t.constant(c.ModuleAddress, c.Expressions["allowed_account_ids"], 0).([]any); ok && len(allowed) == 1 && place.AccountID == "" {
		if id, ok := allowed[0].(string); ok && isAccount(id) {
			place.AccountID = id
		}
	}
	return place
}

// constant returns the value of an expression in a module that is a constant, or
// that refers to nothing but a variable. A plan does not tell what else the
// expression does with the variable, so whoever asks has to look at the value.
func (t *tfPlan) constant(module string, x *tfjson.Expression, depth int) any {
	if x == nil || x.ExpressionData == nil || depth > maxReferences {
		return nil
	}
	if len(x.References) == 0 {
		return x.ConstantValue
	}
	name, ok := strings.CutPrefix(x.References[0], "var.")
	if !ok || len(x.References) > 1 {
		return nil
	}
	if module == "" {
		if v := t.Variables[name]; v != nil && !t.secret(name) {
			return v.Value
		}
		return nil
	}
	parent, call := parentModule(module)
	if c := t.module(parent).ModuleCalls[call]; c != nil && c.Expressions[name] != nil {
		return t.constant(parent, c.Expressions[name], depth+1)
	}
	if v := t.module(module).Variables[name]; v != nil && !v.Sensitive {
		return v.Default
	}
	return nil
}

// secret reports whether a variable of the root module is sensitive.
func (t *tfPlan) secret(name string) bool {
	v := t.module("").Variables[name]
	return v != nil && v.Sensitive
}

// identityOf returns the identity of the plan that will give the user pool its
// SourceArn; nil unless it is certain which one.
func (t *tfPlan) identityOf(pool *tfjson.ResourceChange) *tfjson.ResourceChange {
	r := t.configOf(pool.ModuleAddress, tfjson.ManagedResourceMode, pool.Type, pool.Name)
	e := r.Expressions["email_configuration"]
	if e == nil || e.ExpressionData == nil || len(e.NestedBlocks) == 0 {
		return nil
	}
	return t.follow(pool, pool.ModuleAddress, e.NestedBlocks[0]["source_arn"], 0)
}

// reference is one of an expression: what it is of, its index and the attribute.
type reference struct{ of, index, attribute string }

// parseReference takes apart TYPE.NAME[INDEX].ATTRIBUTE, module.NAME[INDEX].OUTPUT
// or var.NAME.
func parseReference(s string) reference {
	end := len(s)
	dots := 0
	for i := range len(s) {
		if s[i] == '.' {
			dots++
		}
		if s[i] == '[' || s[i] == '.' && dots == 2 {
			end = i
			break
		}
	}
	ref := reference{of: s[:end]}
	rest := s[end:]
	if strings.HasPrefix(rest, "[") {
		if i := strings.Index(rest, "]"); i >= 0 {
			ref.index, rest = rest[:i+1], rest[i+1:]
		}
	}
	ref.attribute, _, _ = strings.Cut(strings.TrimPrefix(rest, "."), ".")
	return ref
}

// follow returns the identity whose ARN an expression in a module is: directly,
// by the variables of modules, or by their outputs.
func (t *tfPlan) follow(pool *tfjson.ResourceChange, module string, x *tfjson.Expression, depth int) *tfjson.ResourceChange {
	if x == nil || x.ExpressionData == nil || depth > maxReferences {
		return nil
	}
	var to reference
	alike := false // each.key or count.index chooses the one with the same index
	for _, s := range x.References {
		if s == "each.key" || s == "each.value" || s == "count.index" {
			alike = true
			continue
		}
		ref := parseReference(s)
		if to.of != "" && ref.of != to.of {
			return nil
		}
		to = reference{ref.of, cmp.Or(to.index, ref.index), cmp.Or(to.attribute, ref.attribute)}
	}
	kind, name, _ := strings.Cut(to.of, ".")
	switch kind {
	case "var":
		parent, call := parentModule(module)
		if c := t.module(parent).ModuleCalls[call]; c != nil && module != "" {
			return t.follow(pool, parent, c.Expressions[name], depth+1)
		}
		return nil
	case "module":
		c := t.module(module).ModuleCalls[name]
		if c == nil || c.Module == nil || c.Module.Outputs[to.attribute] == nil {
			return nil
		}
		inner := "module." + name + to.index
		if module != "" {
			inner = module + "." + inner
		}
		return t.follow(pool, inner, c.Module.Outputs[to.attribute].Expression, depth+1)
	}
	if known, ok := tfNames[kind]; !ok || known.set || to.attribute != "arn" && !alike {
		return nil
	}
	return t.instance(pool, module, to, alike)
}

// instance returns the only instance of the resource that the reference in a
// module can mean.
func (t *tfPlan) instance(pool *tfjson.ResourceChange, module string, to reference, alike bool) *tfjson.ResourceChange {
	var found []*tfjson.ResourceChange
	for _, c := range t.changes() {
		if c.Type+"."+c.Name == to.of && withoutIndexes(c.ModuleAddress) == withoutIndexes(module) && actionOf(c) != "" {
			found = append(found, c)
		}
	}
	narrow := func(right func(c *tfjson.ResourceChange) bool) {
		if some := slices.DeleteFunc(slices.Clone(found), func(c *tfjson.ResourceChange) bool { return !right(c) }); len(found) > 1 {
			found = some
		}
	}
	narrow(func(c *tfjson.ResourceChange) bool { return c.ModuleAddress == module })
	if to.index != "" {
		narrow(func(c *tfjson.ResourceChange) bool { return strings.HasSuffix(c.Address, to.index) })
	}
	if alike {
		narrow(func(c *tfjson.ResourceChange) bool { return fmt.Sprint(c.Index) == fmt.Sprint(pool.Index) })
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}
