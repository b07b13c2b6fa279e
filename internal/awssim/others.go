package awssim

import (
	"maps"
	"slices"
)

// maxAccounts is the most that Organizations lists at once.
const maxAccounts = 20

func (c *call) management() error {
	if c.account == c.fleet.Accounts[0].ID {
		return nil
	}
	return badRequest("AccessDeniedException", "You don't have permissions to access this resource.")
}

func listAccounts(c *call) (object, error) {
	if err := c.management(); err != nil {
		return nil, err
	}
	size, ok := c.params.number("MaxResults")
	if !ok {
		size = maxAccounts
	}
	if size < 1 || size > maxAccounts {
		return nil, badRequest("InvalidInputException", "You provided a value for MaxResults that is not between 1 and 20.")
	}
	accounts, next, ok := page(c, c.fleet.Accounts, size, c.params.text("NextToken"), func(a Account) string { return a.ID })
	if !ok {
		return nil, badRequest("InvalidInputException", "You specified an invalid value for nextToken.")
	}
	management := c.fleet.Accounts[0].ID
	out := object{"Accounts": list(accounts, func(a Account) any {
		name := a.Name
		if name == "" {
			name = a.ID
		}
		return object{
			"Id": a.ID, "Name": name, "Email": "aws+" + a.ID + "@example.com", "State": "ACTIVE", "Status": "ACTIVE",
			"Arn":          "arn:aws:organizations::" + management + ":account/o-awssim0000/" + a.ID,
			"JoinedMethod": "CREATED", "JoinedTimestamp": epoch,
		}
	})}
	set(out, "NextToken", next)
	return out, nil
}

func describeOrganization(c *call) (object, error) {
	management := c.fleet.Accounts[0].ID
	return object{"Organization": object{
		"Id": "o-awssim0000", "Arn": "arn:aws:organizations::" + management + ":organization/o-awssim0000", "FeatureSet": "ALL",
		"MasterAccountId": management, "MasterAccountEmail": "aws+" + management + "@example.com",
		"MasterAccountArn": "arn:aws:organizations::" + management + ":account/o-awssim0000/" + management,
	}}, nil
}

// optStatus is what Account Management says of a region.
func (c *call) optStatus(region string) string {
	switch {
	case !c.owner().enabled(region) || c.server.switchedOff(c.account, region):
		return "DISABLED"
	case optIn[region]:
		return "ENABLED"
	default:
		return "ENABLED_BY_DEFAULT"
	}
}

func listRegions(c *call) (object, error) {
	size, ok := c.params.number("MaxResults")
	if !ok {
		size = 50
	}
	if size < 1 || size > 50 {
		return nil, badRequest("ValidationException", "maxResults must be within 1 and 50")
	}
	var names []string
	wanted := c.params.texts("RegionOptStatusContains")
	for _, name := range slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(optIn)), defaultRegions...))) {
		if len(wanted) == 0 || slices.Contains(wanted, c.optStatus(name)) {
			names = append(names, name)
		}
	}
	part, next, ok := page(c, names, size, c.params.text("NextToken"), func(s string) string { return s })
	if !ok {
		return nil, badRequest("ValidationException", "the nextToken is invalid")
	}
	out := object{"Regions": list(part, func(name string) any {
		return object{"RegionName": name, "RegionOptStatus": c.optStatus(name)}
	})}
	set(out, "NextToken", next)
	return out, nil
}

func getRegionOptStatus(c *call) (object, error) {
	name := c.params.text("RegionName")
	if !isRegion(name) {
		return nil, badRequest("ValidationException", "the region %s is unknown", name)
	}
	return object{"RegionName": name, "RegionOptStatus": c.optStatus(name)}, nil
}

// getResources lists the user pools; SES identities have no tags here.
func getResources(c *call) (object, error) {
	size, ok := c.params.number("ResourcesPerPage")
	if !ok {
		size = 50
	}
	if size < 1 || size > 100 {
		return nil, badRequest("InvalidParameterException", "ResourcesPerPage must be within 1 and 100")
	}
	var pools []Pool
	types := c.params.texts("ResourceTypeFilters")
	for _, p := range c.here().Pools {
		fits := len(types) == 0 || slices.Contains(types, "cognito-idp") || slices.Contains(types, "cognito-idp:userpool")
		for _, filter := range c.params.objects("TagFilters") {
			value, tagged := p.Tags[filter.text("Key")]
			values := filter.texts("Values")
			fits = fits && tagged && (len(values) == 0 || slices.Contains(values, value))
		}
		if fits && len(p.Tags) > 0 { // AWS knows only what was tagged once.
			pools = append(pools, p)
		}
	}
	part, next, ok := page(c, pools, size, c.params.text("PaginationToken"), func(p Pool) string { return p.ID })
	if !ok {
		return nil, badRequest("PaginationTokenExpiredException", "the pagination token is invalid or expired")
	}
	return object{"PaginationToken": next, "ResourceTagMappingList": list(part, func(p Pool) any {
		var tags []any
		for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
			tags = append(tags, object{"Key": key, "Value": p.Tags[key]})
		}
		return object{"ResourceARN": p.arn(c.account, c.region), "Tags": tags}
	})}, nil
}

func listAccountAliases(c *call) (object, error) {
	aliases := []any{}
	if alias := c.owner().Alias; alias != "" {
		aliases = append(aliases, alias)
	}
	return object{"AccountAliases": aliases, "IsTruncated": false}, nil
}

func describeRegions(c *call) (object, error) {
	var regions []any
	for _, name := range slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(optIn)), defaultRegions...))) {
		status := "opt-in-not-required"
		if optIn[name] {
			status = "opted-in"
		}
		if c.optStatus(name) == "DISABLED" {
			if !c.params.yes("AllRegions") {
				continue
			}
			status = "not-opted-in"
		}
		regions = append(regions, object{"regionName": name, "regionEndpoint": "ec2." + name + ".amazonaws.com", "optInStatus": status})
	}
	return object{"regionInfo": regions}, nil
}
