package awssim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// service is what the operations of one AWS service have in common. What is
// empty or 0 gets the value in parentheses.
type service struct {
	name      string // the key in services
	iam       string // prefix of its actions in policies (the name)
	target    string // of X-Amz-Target, without the operation; empty if it does not speak JSON
	version   string // of the Query API; empty if it does not speak Query
	namespace string // of the Query API's XML
	capital   bool   // an error's text is in Message, not in message
	pageSize  string // parameter with the size of a page (MaxResults)
	pageToken string // parameter with the token of a page (NextToken)
	invalid   string // error code of a parameter outside of its limits (ValidationException)
	badToken  string // error code of a wrong page token (that of invalid)
	throttled string // error code of what is beyond the quota (ThrottlingException)
	tooMany   int    // HTTP status of that error (400)
	global    bool   // it has one endpoint, so that no region of it can be off
}

// services are those that are answered.
var services = map[string]*service{
	"sts": {version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/"},
	"iam": {version: "2010-05-08", namespace: "https://iam.amazonaws.com/doc/2010-05-08/", global: true},
	"cognito-idp": {
		target: "AWSCognitoIdentityProviderService", invalid: "InvalidParameterException", throttled: "TooManyRequestsException",
	},
	"sesv2": {iam: "ses", pageSize: "PageSize", invalid: "BadRequestException", throttled: "TooManyRequestsException", tooMany: http.StatusTooManyRequests},
	"sesv1": {iam: "ses", version: "2010-12-01", namespace: "http://ses.amazonaws.com/doc/2010-12-01/"},
	"cloudwatch": {
		target: "GraniteServiceVersion20100801", version: "2010-08-01", namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/", badToken: invalidValue,
	},
	"cloudtrail": {target: "CloudTrail_20131101", capital: true, invalid: "InvalidMaxResultsException", badToken: "InvalidNextTokenException"},
	"organizations": {
		target: "AWSOrganizationsV20161128", capital: true, invalid: "InvalidInputException", throttled: "TooManyRequestsException", global: true,
	},
	"account": {throttled: "TooManyRequestsException", tooMany: http.StatusTooManyRequests, global: true},
	"tagging": {
		iam: "tag", target: "ResourceGroupsTaggingAPI_20170126", capital: true, pageSize: "ResourcesPerPage", pageToken: "PaginationToken",
		invalid: "InvalidParameterException", badToken: "PaginationTokenExpiredException", throttled: "ThrottledException",
	},
}

// operation is one AWS operation.
type operation struct {
	rate   float64 // requests per second in one account and region; 0 for no quota
	quota  string  // what shares the rate; empty if nothing does
	handle func(*call) (object, error)
}

// operations are all that is answered, by service. The rates are AWS's own,
// where AWS says one.
var operations map[string]map[string]operation

func init() { // The handlers reach back to the table.
	operations = map[string]map[string]operation{
		"sts": {
			"AssumeRole":                {handle: assumeRole},
			"AssumeRoleWithWebIdentity": {handle: assumeRole},
			"GetCallerIdentity":         {handle: getCallerIdentity},
		},
		"iam": {"ListAccountAliases": {handle: listAccountAliases}},
		"cognito-idp": {
			"ListUserPools":               {15, "UserPoolRead", listUserPools},
			"DescribeUserPool":            {15, "UserPoolRead", ofPool(describeUserPool)},
			"ListUserPoolClients":         {15, "", ofPool(listUserPoolClients)},
			"ListUserPoolReplicas":        {handle: ofPool(listUserPoolReplicas)},
			"UpdateUserPool":              {15, "", updateUserPool},
			"GetUserPoolMfaConfig":        {20, "UserPoolResourceRead", ofPool(getUserPoolMfaConfig)},
			"DescribeRiskConfiguration":   {20, "UserPoolResourceRead", ofPool(describeRiskConfiguration)},
			"GetLogDeliveryConfiguration": {handle: ofPool(getLogDeliveryConfiguration)},
		},
		"sesv2": {
			"GetAccount":          {1, "", getAccount},
			"ListEmailIdentities": {1, "", listEmailIdentities},
			"GetEmailIdentity":    {1, "", getEmailIdentity},
			"GetConfigurationSet": {1, "", getConfigurationSet},
		},
		"sesv1": {"GetSendStatistics": {1, "", getSendStatistics}},
		"cloudwatch": {
			"ListMetrics":         {25, "", listMetrics},
			"GetMetricData":       {50, "", getMetricData},
			"GetMetricStatistics": {400, "", getMetricStatistics},
		},
		"cloudtrail": {"LookupEvents": {2, "", lookupEvents}},
		"organizations": {
			"ListAccounts":                     {organizationsRate, "", inOrganization(listAccounts)},
			"ListRoots":                        {organizationsRate, "", inOrganization(listRoots)},
			"ListAccountsForParent":            {organizationsRate, "", inOrganization(ofParent(listAccountsForParent))},
			"ListOrganizationalUnitsForParent": {organizationsRate, "", inOrganization(ofParent(listOrganizationalUnitsForParent))},
			"ListParents":                      {organizationsRate, "", inOrganization(listParents)},
			"ListTagsForResource":              {organizationsRate, "", inOrganization(listTagsForResource)},
		},
		"account": {"ListRegions": {5, "", listRegions}},
		"tagging": {"GetResources": {15, "", getResources}},
	}
	for name, s := range services {
		s.name, s.iam = name, cmp.Or(s.iam, name)
		s.pageSize, s.pageToken = cmp.Or(s.pageSize, "MaxResults"), cmp.Or(s.pageToken, "NextToken")
		s.invalid = cmp.Or(s.invalid, "ValidationException")
		s.badToken = cmp.Or(s.badToken, s.invalid)
		s.throttled, s.tooMany = cmp.Or(s.throttled, "ThrottlingException"), cmp.Or(s.tooMany, http.StatusBadRequest)
	}
}

func serviceNames() []string { return slices.Sorted(maps.Keys(services)) }

// noService is the service of a request that fits none.
var noService = &service{}

// findService returns the service that fits, or noService.
func findService(fits func(*service) bool) *service {
	for _, s := range services {
		if fits(s) {
			return s
		}
	}
	return noService
}

// invalid refuses a parameter with a constraint, in AWS's own words. A nil
// value was not given.
func (c *call) invalid(name string, value any, constraint string, args ...any) *awsError {
	shown := "null"
	if value != nil {
		shown = fmt.Sprintf("'%v'", value)
	}
	return badRequest(c.service.invalid, "1 validation error detected: Value %s at '%s' failed to satisfy constraint: Member must %s",
		shown, strings.ToLower(name[:1])+name[1:], fmt.Sprintf(constraint, args...))
}

// bounded returns an integer parameter that has limits, or fallback if it is
// not given; a fallback of 0 makes it required.
func (c *call) bounded(name string, low, high, fallback int) (int, error) {
	n, given := c.params.number(name)
	switch {
	case !given && fallback == 0:
		return 0, c.invalid(name, nil, "not be null")
	case !given:
		return fallback, nil
	case n < low:
		return 0, c.invalid(name, n, "have value greater than or equal to %d", low)
	case n > high:
		return 0, c.invalid(name, n, "have value less than or equal to %d", high)
	default:
		return n, nil
	}
}

// listing is what an operation that lists things in pages answers.
type listing[T any] struct {
	key      string         // of the list in the output
	items    []T            // all of them
	name     func(T) string // unique
	show     func(T) any
	max      int    // the most on one page
	fallback int    // on a page, if the call does not say; 0 if it has to
	min      int    // the least that a call may ask for; 0 is fallback, too
	bound    string // what else a token is good for only
}

// page answers one page. A token is opaque to clients: it holds the operation
// and the name of the last item, so that it stays good while other items are
// added or removed.
func (l listing[T]) page(c *call) (object, error) {
	size, err := c.bounded(c.service.pageSize, l.min, l.max, l.fallback)
	if err != nil {
		return nil, err
	}
	size = cmp.Or(size, l.fallback)
	prefix, start := c.operation+"\x00"+l.bound+"\x00", 0
	if token := c.params.text(c.service.pageToken); token != "" {
		data, _ := base64.RawURLEncoding.DecodeString(token) // What cannot be decoded lacks the prefix.
		last, ok := strings.CutPrefix(string(data), prefix)
		start = slices.IndexFunc(l.items, func(t T) bool { return l.name(t) == last }) + 1
		if !ok || start == 0 {
			return nil, badRequest(c.service.badToken, "The %s is invalid.", c.service.pageToken)
		}
	}
	end := min(start+size, len(l.items))
	out := object{l.key: list(l.items[start:end], l.show)}
	if end < len(l.items) {
		out[c.service.pageToken] = base64.RawURLEncoding.EncodeToString([]byte(prefix + l.name(l.items[end-1])))
	}
	return out, nil
}

// set puts a value into an output unless it is empty: AWS omits it then.
func set(o object, key, value string) {
	if value != "" {
		o[key] = value
	}
}

func list[T, U any](items []T, f func(T) U) []any {
	all := make([]any, 0, len(items))
	for _, item := range items {
		all = append(all, f(item))
	}
	return all
}

func same(s string) string { return s }

func text(s string) any { return s }
