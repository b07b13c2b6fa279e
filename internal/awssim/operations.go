package awssim

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// operations are all that is answered, by service. The rates are AWS's own,
// where AWS says one.
var operations map[string]map[string]operation

func init() { // The table's handlers reach back to it.
	operations = map[string]map[string]operation{
		"sts": {
			"AssumeRole":                {handle: assumeRole},
			"AssumeRoleWithWebIdentity": {handle: assumeRole},
			"GetCallerIdentity":         {handle: getCallerIdentity},
		},
		"cognito-idp": {
			"ListUserPools":               {"UserPoolRead", 15, listUserPools},
			"DescribeUserPool":            {"UserPoolRead", 15, describeUserPool},
			"ListUserPoolClients":         {"UserPoolClientRead", 15, listUserPoolClients},
			"DescribeUserPoolClient":      {"UserPoolClientRead", 15, describeUserPoolClient},
			"GetUserPoolMfaConfig":        {"UserPoolResourceRead", 20, getUserPoolMfaConfig},
			"ListTagsForResource":         {"UserPoolResourceRead", 20, listTagsForResource},
			"DescribeRiskConfiguration":   {"UserPoolResourceRead", 20, describeRiskConfiguration},
			"GetLogDeliveryConfiguration": {handle: getLogDeliveryConfiguration},
		},
		"sesv2": {
			"GetAccount":                           {"GetAccount", 1, getAccount},
			"ListEmailIdentities":                  {"ListEmailIdentities", 1, listEmailIdentities},
			"GetEmailIdentity":                     {"GetEmailIdentity", 1, getEmailIdentity},
			"ListConfigurationSets":                {"ListConfigurationSets", 1, listConfigurationSets},
			"GetConfigurationSet":                  {"GetConfigurationSet", 1, getConfigurationSet},
			"GetConfigurationSetEventDestinations": {"GetConfigurationSetEventDestinations", 1, getConfigurationSetEventDestinations},
			// The first version of the API, which speaks Query.
			"GetSendQuota":                      {"GetSendQuota", 1, getSendQuota},
			"GetAccountSendingEnabled":          {"GetAccountSendingEnabled", 1, getAccountSendingEnabled},
			"ListIdentities":                    {"ListIdentities", 1, listIdentities},
			"GetIdentityVerificationAttributes": {"GetIdentityVerificationAttributes", 1, getIdentityVerificationAttributes},
		},
		"organizations": {
			"ListAccounts":         {handle: listAccounts},
			"DescribeOrganization": {handle: describeOrganization},
		},
		"account": {
			"ListRegions":        {"ListRegions", 5, listRegions},
			"GetRegionOptStatus": {"GetRegionOptStatus", 5, getRegionOptStatus},
		},
		"tagging": {"GetResources": {"GetResources", 15, getResources}},
		"iam":     {"ListAccountAliases": {handle: listAccountAliases}},
		"ec2":     {"DescribeRegions": {handle: describeRegions}},
		"cloudwatch": {
			"ListMetrics":         {"ListMetrics", 25, listMetrics},
			"GetMetricData":       {"GetMetricData", 50, getMetricData},
			"GetMetricStatistics": {"GetMetricStatistics", 400, getMetricStatistics},
		},
		"cloudtrail": {"LookupEvents": {"LookupEvents", 2, lookupEvents}},
	}
}

func serviceNames() []string { return slices.Sorted(maps.Keys(operations)) }

// page cuts one page out of items, whose names are unique. The token is opaque
// to clients; it holds the operation and the name of the last item.
func page[T any](c *call, items []T, size int, token string, name func(T) string) (part []T, next string, ok bool) {
	start := 0
	if token != "" {
		data, err := base64.RawURLEncoding.DecodeString(token)
		operation, last, _ := strings.Cut(string(data), "\x00")
		i := slices.IndexFunc(items, func(t T) bool { return name(t) == last })
		if err != nil || operation != c.operation || i < 0 {
			return nil, "", false
		}
		start = i + 1
	}
	end := min(start+size, len(items))
	part = items[start:end]
	if end < len(items) {
		next = base64.RawURLEncoding.EncodeToString([]byte(c.operation + "\x00" + name(items[end-1])))
	}
	return part, next, true
}

// set puts a value into an output unless it is empty, as AWS leaves it out.
func set(o object, key, value string) {
	if value != "" {
		o[key] = value
	}
}

func anyTags(tags map[string]string) object {
	o := object{}
	for k, v := range tags {
		o[k] = v
	}
	return o
}

func list[T any](items []T, f func(T) any) []any {
	all := make([]any, 0, len(items))
	for _, item := range items {
		all = append(all, f(item))
	}
	return all
}
