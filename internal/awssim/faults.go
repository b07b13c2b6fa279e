package awssim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Fault makes calls fail on purpose, or changes what they answer. An empty field
// matches every call.
type Fault struct {
	Kind      string  `json:"kind"` // one of [FaultKinds], or replace
	Service   string  `json:"service,omitempty"`
	Operation string  `json:"operation,omitempty"`
	Account   string  `json:"account,omitempty"`
	Region    string  `json:"region,omitempty"`
	Rate      float64 `json:"rate,omitempty"`     // share of the matching calls that fail, all of them if 0
	Count     int     `json:"count,omitempty"`    // how many calls fail before the fault ends, no end if 0
	Resource  string  `json:"resource,omitempty"` // ID of a user pool, name of an identity or configuration set
	Field     string  `json:"field,omitempty"`    // of kind replace: its name in the answer, wherever it is
	Value     any     `json:"value,omitempty"`    // of kind replace: what stands there instead

	hits int // calls that failed so far
}

// FaultKinds lists the kinds of faults that make calls fail.
func FaultKinds() []string {
	return []string{"throttle", "deny", "error500", "timeout", "reset", "truncate", "garbage", "slow", "repeat", "expired_token", "region_disabled"}
}

// kindReplace is a fault with which calls succeed: a field of the answer has
// another value.
const kindReplace = "replace"

// serviceAliases are other names under which clients know a service.
var serviceAliases = map[string]string{
	"ses": "sesv2", "email": "sesv2", "cognito": "cognito-idp", "monitoring": "cloudwatch",
	"resourcegroupstaggingapi": "tagging", "cognitoidentityprovider": "cognito-idp",
}

func (f *Fault) check() error {
	if kinds := append(FaultKinds(), kindReplace); !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("unknown kind of fault %q, allowed are %s", f.Kind, strings.Join(kinds, ", "))
	}
	if alias, ok := serviceAliases[f.Service]; ok {
		f.Service = alias
	}
	if f.Service != "" && !slices.Contains(serviceNames(), f.Service) {
		return fmt.Errorf("unknown service %q, allowed are %s", f.Service, strings.Join(serviceNames(), ", "))
	}
	if f.Rate < 0 || f.Rate > 1 || f.Count < 0 {
		return fmt.Errorf("rate %v must be within 0 and 1, and count %d not negative", f.Rate, f.Count)
	}
	if (f.Kind == kindReplace) != (f.Field != "") {
		return fmt.Errorf("field %q goes with kind replace, and only with it", f.Field)
	}
	switch value := f.Value.(type) {
	case nil, string, bool, int:
		return nil
	case float64:
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			return nil
		}
	}
	return fmt.Errorf("value %v must be a string, a number, true, false or null; write NaN and Infinity as strings", f.Value)
}

// ParseFault reads a fault written as kind=deny,account=100000000002.
func ParseFault(text string) (Fault, error) {
	faults, err := parseFaults([]byte("[{" + strings.NewReplacer("=", ": ", ",", ", ").Replace(text) + "}]"))
	if err == nil && len(faults) != 1 {
		err = errors.New("it must be key=value, with commas between")
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return faults[0], nil
}

// parseFaults reads a list of faults from JSON, or from YAML.
func parseFaults(data []byte) ([]Fault, error) {
	var faults []Fault
	if err := decodeStrict(data, &faults); err != nil {
		return nil, fmt.Errorf("the faults are not a list of objects with the keys kind, service, operation, account, region, resource, rate, count, field and value: %w", err)
	}
	for i := range faults {
		if err := faults[i].check(); err != nil {
			return nil, err
		}
	}
	return faults, nil
}

func (f *Fault) matches(c *call) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Service, c.service.name) && is(f.Operation, c.operation) && is(f.Account, c.account) && is(f.Region, c.region) &&
		is(f.Resource, cmp.Or(c.params.text("UserPoolId"), c.params.text("EmailIdentity"), c.params.text("ConfigurationSetName"))) &&
		(f.Count == 0 || f.hits < f.Count)
}

// strike returns the kind of the first fault that hits the call, empty for none.
func (s *Server) strike(c *call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		if f := &s.faults[i]; f.Kind != kindReplace && f.matches(c) && (f.Rate == 0 || s.random.Float64() < f.Rate) {
			f.hits++
			return f.Kind
		}
	}
	return ""
}

// replaced returns the output as the faults of kind replace have it.
func (s *Server) replaced(c *call, out object) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		if f := &s.faults[i]; f.Kind == kindReplace && f.matches(c) && (f.Rate == 0 || s.random.Float64() < f.Rate) {
			f.hits++
			out = f.in(out).(object)
		}
	}
	return out
}

// in returns v, which it does not change, with the fault's field replaced.
func (f *Fault) in(v any) any {
	switch v := v.(type) {
	case object:
		changed := make(object, len(v))
		for key, value := range v {
			if key == f.Field {
				changed[key] = like(value, f.Value)
			} else {
				changed[key] = f.in(value)
			}
		}
		return changed
	case []any:
		return list(v, f.in)
	default:
		return v
	}
}

// like returns value in the form of old: in each place of a list, unless it is nil, and as a number
// that is none where NaN or Infinity stands for a number or a time.
func like(old, value any) any {
	if all, ok := old.([]any); ok && value != nil {
		return list(all, func(old any) any { return like(old, value) })
	}
	var number double
	switch value := value.(type) {
	case int:
		number = double(value)
	case float64:
		number = double(value)
	case string:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return value
		}
		number = double(n)
	default:
		return value
	}
	switch old.(type) {
	case double:
		return number
	case stamp:
		return moment(number)
	default:
		return value
	}
}

// switchedOff reports whether a fault switches the region off, for calls that
// ask which regions are on.
func (s *Server) switchedOff(account, region string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.faults, func(f Fault) bool {
		return f.Kind == "region_disabled" && f.Service == "" && f.Region == region && (f.Account == "" || f.Account == account)
	})
}

// invalidToken is what AWS says of credentials that it does not know, and of
// all credentials in a region that is off.
const invalidToken = "The security token included in the request is invalid."

// failure is the error that AWS answers for a kind of fault, nil if the fault
// is not an error of AWS.
func failure(kind string, c *call) *awsError {
	switch kind {
	case "throttle":
		return &awsError{code: c.service.throttled, message: "Rate exceeded", status: c.service.tooMany}
	case "deny":
		return denied(c)
	case "expired_token":
		return forbidden("ExpiredTokenException", "The security token included in the request is expired")
	case "region_disabled":
		if c.service == services["sts"] {
			return forbidden("RegionDisabledException", "STS is not activated in the requested region for account "+c.account+
				". Your account administrator can use the IAM console to activate STS in that region.")
		}
		return forbidden("UnrecognizedClientException", invalidToken)
	case "error500":
		e := &awsError{code: "InternalFailure", message: "An internal error occurred. Try again later.", status: http.StatusInternalServerError}
		if c.service == services["cognito-idp"] {
			e.code = "InternalErrorException"
		}
		return e
	default:
		return nil
	}
}

// denied is what IAM answers.
func denied(c *call) *awsError {
	action := c.service.iam + ":" + c.operation
	resource := "arn:" + partition(c.region) + ":" + c.service.iam + ":" + c.region + ":" + c.account + ":*"
	if c.operation == "AssumeRole" {
		resource = c.params.text("RoleArn")
	}
	return forbidden("AccessDeniedException", "User: "+c.principal+" is not authorized to perform: "+action+" on resource: "+resource+
		" because no identity-based policy allows the "+action+" action")
}
