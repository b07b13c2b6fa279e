package awssim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Fault makes calls fail on purpose. An empty field matches every call.
type Fault struct {
	Kind      string  `json:"kind"` // one of [FaultKinds]
	Service   string  `json:"service,omitempty"`
	Operation string  `json:"operation,omitempty"`
	Account   string  `json:"account,omitempty"`
	Region    string  `json:"region,omitempty"`
	Rate      float64 `json:"rate,omitempty"`  // share of the matching calls that fail, all of them if 0
	Count     int     `json:"count,omitempty"` // how many calls fail before the fault ends, no end if 0
}

// FaultKinds lists the kinds of faults.
func FaultKinds() []string {
	return []string{"throttle", "deny", "error500", "timeout", "reset", "truncate", "garbage", "slow", "expired_token", "region_disabled"}
}

// serviceAliases are other names under which clients know a service.
var serviceAliases = map[string]string{
	"ses": "sesv2", "email": "sesv2", "cognito": "cognito-idp", "monitoring": "cloudwatch",
	"resourcegroupstaggingapi": "tagging", "cognitoidentityprovider": "cognito-idp",
}

func (f *Fault) check() error {
	if !slices.Contains(FaultKinds(), f.Kind) {
		return fmt.Errorf("unknown kind of fault %q, allowed are %s", f.Kind, strings.Join(FaultKinds(), ", "))
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
	return nil
}

// ParseFault reads a fault written as kind=deny,account=100000000002.
func ParseFault(text string) (Fault, error) {
	var f Fault
	for part := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("%q is not key=value", part)
		case key == "kind":
			f.Kind = value
		case key == "service":
			f.Service = value
		case key == "operation":
			f.Operation = value
		case key == "account":
			f.Account = value
		case key == "region":
			f.Region = value
		case key == "rate":
			f.Rate, err = strconv.ParseFloat(value, 64)
		case key == "count":
			f.Count, err = strconv.Atoi(value)
		default:
			err = fmt.Errorf("unknown key %q, allowed are kind, service, operation, account, region, rate and count", key)
		}
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	if err := f.check(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", text, err)
	}
	return f, nil
}

// parseFaults reads a JSON list of faults.
func parseFaults(data []byte) ([]Fault, error) {
	var faults []Fault
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&faults); err != nil {
		return nil, fmt.Errorf("the faults are not a JSON list of objects: %w", err)
	}
	for i := range faults {
		if err := faults[i].check(); err != nil {
			return nil, err
		}
	}
	return faults, nil
}

// armed is a fault at work.
type armed struct {
	Fault
	left int // failures left, when Count is set
}

func (f *armed) matches(c *call) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Service, c.service) && is(f.Operation, c.operation) && is(f.Account, c.account) && is(f.Region, c.region) &&
		(f.Count == 0 || f.left > 0)
}

// strike returns the kind of the first fault that hits the call, empty for none.
func (s *Server) strike(c *call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.matches(c) && (f.Rate == 0 || s.random.Float64() < f.Rate) {
			f.left--
			return f.Kind
		}
	}
	return ""
}

// switchedOff reports whether a fault switches the region off, for those who
// ask which regions are on.
func (s *Server) switchedOff(account, region string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.faults, func(f *armed) bool {
		return f.Kind == "region_disabled" && f.Service == "" && f.Region == region && (f.Account == "" || f.Account == account)
	})
}

// failure is the error that AWS answers for a kind of fault, in the service's dialect.
func failure(kind string, c *call) *awsError {
	query := c.wire == wireQuery || c.wire == wireEC2
	pick := func(ifQuery, otherwise string, status int) *awsError {
		if query {
			return &awsError{code: ifQuery, status: http.StatusForbidden}
		}
		return &awsError{code: otherwise, status: status}
	}
	jsonStatus := http.StatusBadRequest
	if c.wire == wireREST {
		jsonStatus = http.StatusForbidden
	}
	var e *awsError
	switch kind {
	case "throttle":
		return throttled(c)
	case "deny":
		return denied(c)
	case "expired_token":
		e = pick("ExpiredToken", "ExpiredTokenException", jsonStatus)
		e.message = "The security token included in the request is expired"
	case "region_disabled":
		e = pick("InvalidClientTokenId", "UnrecognizedClientException", jsonStatus)
		e.message = "The security token included in the request is invalid."
		switch c.service {
		case "sts":
			e.code, e.message = "RegionDisabledException", "STS is not activated in the requested region for account "+c.account+". Your account administrator can use the IAM console to activate STS in that region."
		case "ec2":
			e.code, e.status, e.message = "AuthFailure", http.StatusUnauthorized, "AWS was not able to validate the provided access credentials"
		}
	case "error500":
		e = &awsError{code: "InternalFailure", status: http.StatusInternalServerError, message: "An internal error occurred. Try again later."}
		if c.service == "cognito-idp" {
			e.code = "InternalErrorException"
		}
	}
	return e
}

// throttled is how the service refuses what is too much.
func throttled(c *call) *awsError {
	e := &awsError{code: "ThrottlingException", message: "Rate exceeded", status: http.StatusBadRequest}
	switch c.service {
	case "cognito-idp":
		e.code = "TooManyRequestsException"
	case "sesv2":
		e.code, e.status, e.message = "TooManyRequestsException", http.StatusTooManyRequests, "Too Many Requests"
		if c.wire == wireQuery {
			e.code, e.status, e.message = "Throttling", http.StatusBadRequest, "Rate exceeded"
		}
	case "account":
		e.code, e.status = "TooManyRequestsException", http.StatusTooManyRequests
	case "organizations":
		e.code, e.message = "TooManyRequestsException", "You have sent too many requests in too short a period of time. Wait before trying again."
	case "tagging":
		e.code = "ThrottledException"
	case "ec2":
		e.code, e.status, e.message = "RequestLimitExceeded", http.StatusServiceUnavailable, "Request limit exceeded."
	case "sts", "iam", "cloudwatch":
		e.code = "Throttling"
	}
	return e
}

// denied is what IAM answers.
func denied(c *call) *awsError {
	e := &awsError{code: "AccessDeniedException", status: http.StatusBadRequest}
	switch c.wire {
	case wireQuery, wireEC2:
		e.code, e.status = "AccessDenied", http.StatusForbidden
		if c.service == "ec2" {
			e.code = "UnauthorizedOperation"
		}
	case wireREST:
		e.status = http.StatusForbidden
	case wireJSON, wireCBOR:
	}
	prefix := c.service
	switch c.service {
	case "sesv2":
		prefix = "ses"
	case "tagging":
		prefix = "tag"
	}
	what := "arn:" + partition(c.region) + ":" + prefix + ":" + c.region + ":" + c.account + ":*"
	if c.operation == "AssumeRole" {
		what = c.params.text("RoleArn")
	}
	e.message = "User: " + c.principal + " is not authorized to perform: " + prefix + ":" + c.operation + " on resource: " + what +
		" because no identity-based policy allows the " + prefix + ":" + c.operation + " action"
	return e
}
