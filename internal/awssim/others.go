package awssim

import (
	"maps"
	"slices"
)

// optStatus is what Account Management says of a region.
func (c *call) optStatus(region string) string {
	switch {
	case !c.owner().enabled(region) || c.server.switchedOff(c.account, region):
		return "DISABLED"
	case optIn[region], !isRegion(region):
		return "ENABLED"
	default:
		return "ENABLED_BY_DEFAULT"
	}
}

func listRegions(c *call) (object, error) {
	if c.params.text("AccountId") != "" {
		return nil, badRequest(c.service.invalid, "The parameter AccountId is not simulated: assume a role of the account.")
	}
	var names []string
	wanted := c.params.texts("RegionOptStatusContains")
	for _, name := range slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(optIn)), defaultRegions, c.owner().NewRegions))) {
		if len(wanted) == 0 || slices.Contains(wanted, c.optStatus(name)) {
			names = append(names, name)
		}
	}
	return listing[string]{
		key: "Regions", items: names, name: same, min: 1, max: 50, fallback: 20,
		show: func(name string) any { return object{"RegionName": name, "RegionOptStatus": c.optStatus(name)} },
	}.page(c)
}

// getResources lists the user pools, of which AWS knows here only those that
// have tags. SES identities are left out.
func getResources(c *call) (object, error) {
	var pools []Pool
	types := c.params.texts("ResourceTypeFilters")
	for _, p := range c.here().Pools {
		fits := len(types) == 0 || slices.Contains(types, "cognito-idp") || slices.Contains(types, "cognito-idp:userpool")
		for _, filter := range c.params.objects("TagFilters") {
			value, tagged := p.Tags[filter.text("Key")]
			values := filter.texts("Values")
			fits = fits && tagged && (len(values) == 0 || slices.Contains(values, value))
		}
		if fits && len(p.Tags) > 0 {
			pools = append(pools, p)
		}
	}
	out, err := listing[Pool]{
		key: "ResourceTagMappingList", items: pools, name: func(p Pool) string { return p.ID }, min: 1, max: 100, fallback: 50,
		show: func(p Pool) any {
			return object{"ResourceARN": c.arn("cognito-idp", "userpool/"+p.ID), "Tags": tagList(p.Tags)}
		},
	}.page(c)
	if err == nil && out["PaginationToken"] == nil {
		out["PaginationToken"] = "" // AWS says so on the last page.
	}
	return out, err
}

// tagList is tags in the form of a list, sorted.
func tagList(tags map[string]string) []any {
	return list(slices.Sorted(maps.Keys(tags)), func(key string) any { return object{"Key": key, "Value": tags[key]} })
}

func listAccountAliases(c *call) (object, error) {
	aliases := []any{}
	if alias := c.owner().Alias; alias != "" {
		aliases = append(aliases, alias)
	}
	return object{"AccountAliases": aliases, "IsTruncated": false}, nil
}
