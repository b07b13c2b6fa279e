package awsread

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func status(code int, err error) error {
	return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: err}
}

func apiError(code string) error {
	return &smithy.OperationError{ServiceID: "SESv2", OperationName: "GetAccount", Err: status(http.StatusBadRequest, &smithy.GenericAPIError{Code: code, Message: "AWS's words"})}
}

// noHost is what comes of a host that the DNS says does not exist.
func noHost(name string) error {
	return &url.Error{Op: "Post", URL: "https://" + name, Err: &net.OpError{Op: "dial", Err: &net.DNSError{Name: name, Err: "no such host", IsNotFound: true}}}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	dial := &url.Error{Op: "Post", URL: "https://example.com", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	for name, tt := range map[string]struct {
		err  error
		want inventory.Class
	}{
		"success":                          {nil, inventory.OK},
		"quota of Cognito":                 {apiError("TooManyRequestsException"), inventory.Throttled},
		"quota, after the last attempt":    {&retry.MaxAttemptsError{Attempt: 10, Err: apiError("ThrottlingException")}, inventory.Throttled},
		"429 without a code":               {status(http.StatusTooManyRequests, errors.New("x")), inventory.Throttled},
		"404 without a code":               {status(http.StatusNotFound, &smithy.GenericAPIError{Code: noCode}), inventory.Invalid},
		"404 that is no answer of AWS":     {status(http.StatusNotFound, errors.New("x")), inventory.Invalid},
		"404 of AWS":                       {status(http.StatusNotFound, &smithy.GenericAPIError{Code: "NotFoundException"}), inventory.NotFound},
		"404 with another code":            {status(http.StatusNotFound, &smithy.GenericAPIError{Code: "Other"}), inventory.Other},
		"400 without a code":               {status(http.StatusBadRequest, &smithy.GenericAPIError{Code: noCode}), inventory.Other},
		"430":                              {status(http.StatusTooManyRequests+1, errors.New("x")), inventory.Other},
		"500":                              {status(http.StatusInternalServerError, errors.New("x")), inventory.Unavailable},
		"499":                              {status(http.StatusInternalServerError-1, errors.New("x")), inventory.Other},
		"a panic":                          {&smithy.OperationError{Err: &PanicError{Value: "x"}}, inventory.Internal},
		"not sent":                         {errors.New("request send failed, Post: x"), inventory.Unavailable},
		"no instance role":                 {errors.New("failed to retrieve credentials"), inventory.Denied},
		"own budget":                       {&smithy.OperationError{Err: &ownError{class: inventory.Throttled}}, inventory.Throttled},
		"no permission":                    {apiError("AccessDeniedException"), inventory.Denied},
		"expired":                          {apiError("ExpiredTokenException"), inventory.Denied},
		"wrong credentials":                {apiError("UnrecognizedClientException"), inventory.Denied},
		"no credentials":                   {errors.New("operation error STS: get identity: get credentials: none"), inventory.Denied},
		"STS off in the region":            {apiError("RegionDisabledException"), inventory.RegionDisabled},
		"a pool that is not there":         {apiError("ResourceNotFoundException"), inventory.NotFound},
		"an identity that is not there":    {apiError("NotFoundException"), inventory.NotFound},
		"a wrong request":                  {apiError("InvalidParameterException"), inventory.Invalid},
		"a code that is new, with 5xx":     {status(http.StatusBadGateway, &smithy.GenericAPIError{Code: "Novelty"}), inventory.Unavailable},
		"a code that is new":               {apiError("Novelty"), inventory.Other},
		"server error":                     {apiError("InternalErrorException"), inventory.Unavailable},
		"503":                              {status(http.StatusServiceUnavailable, errors.New("x")), inventory.Unavailable},
		"deadline":                         {fmt.Errorf("x: %w", context.DeadlineExceeded), inventory.Timeout},
		"deadline while waiting":           {&aws.RequestCanceledError{Err: context.DeadlineExceeded}, inventory.Timeout},
		"time-out of the connection":       {&net.OpError{Op: "read", Err: timeoutError{}}, inventory.Timeout},
		"refused":                          {dial, inventory.Unavailable},
		"no such host":                     {&net.DNSError{Err: "no such host", IsNotFound: true}, inventory.Unavailable},
		"AWS has no such host":             {noHost("email.ap-east-1.amazonaws.com"), inventory.NotOffered},
		"nor has it another partition":     {noHost("email.eusc-de-east-1.amazonaws.eu"), inventory.NotOffered},
		"nor a dual-stack one":             {noHost("cognito-idp.xx-new-9.api.aws."), inventory.NotOffered},
		"STS is everywhere":                {noHost("sts.eu-west-1.amazonaws.com"), inventory.Unavailable},
		"not a host of AWS":                {noHost("email.eu-west-1.amazonaws.com.example"), inventory.Unavailable},
		"nor this one":                     {noHost("proxy.example"), inventory.Unavailable},
		"the DNS fails":                    {&net.DNSError{Name: "email.ap-east-1.amazonaws.com", Err: "server misbehaving", IsTemporary: true}, inventory.Unavailable},
		"the DNS fails, it says":           {&net.DNSError{Name: "email.ap-east-1.amazonaws.com", Err: "x", IsNotFound: true, IsTemporary: true}, inventory.Unavailable},
		"the DNS does not answer":          {&net.DNSError{Name: "email.ap-east-1.amazonaws.com", Err: "i/o timeout", IsTimeout: true}, inventory.Timeout},
		"reset":                            {errors.New("read: connection reset by peer"), inventory.Unavailable},
		"cut off":                          {&smithy.DeserializationError{Err: io.ErrUnexpectedEOF}, inventory.Unavailable},
		"not JSON":                         {&smithy.DeserializationError{Err: &json.SyntaxError{}}, inventory.Invalid},
		"not XML":                          {&xml.SyntaxError{Msg: "x"}, inventory.Invalid},
		"JSON of something else":           {fmt.Errorf("x: %w", errMalformed), inventory.Invalid},
		"anything else":                    {errors.New("surprise"), inventory.Other},
		"a role's answer without a secret": {errors.New("validate credentials, response did not contain credentials"), inventory.Invalid},
	} {
		if got := classOf(tt.err); got != tt.want {
			t.Errorf("%s: class %q, want %q", name, got, tt.want)
		}
	}
}

// TestCodes has the codes of each service's errors that are documented, as AWS
// answers them with status 400.
func TestCodes(t *testing.T) {
	t.Parallel()
	for class, codes := range map[inventory.Class][]string{
		inventory.Throttled: {
			"TooManyRequestsException", "LimitExceededException", // cognito-idp, ses, account
			"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestLimitExceeded", "SlowDown",
		},
		inventory.Denied: {
			"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorizedException", "OptInRequired",
			"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidIdentityToken",
			"IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch",
			"MissingAuthenticationToken", "MissingAuthenticationTokenException",
		},
		inventory.RegionDisabled: {"RegionDisabledException"},
		inventory.NotFound:       {"NotFoundException", "ResourceNotFoundException"},
		inventory.Invalid: {
			"ValidationError", "ValidationException", "InvalidParameterException", "BadRequestException",
			"InvalidAction", "UnknownOperationException",
		},
		inventory.Unavailable: {
			"InternalErrorException", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException",
		},
		inventory.Other: {"UserPoolTaggingException", ""},
	} {
		for _, code := range codes {
			if got := classOf(apiError(code)); got != class {
				t.Errorf("%q: class %q, want %q", code, got, class)
			}
		}
	}
	for _, code := range []string{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"} {
		if !isBadToken(apiError(code)) || isExpired(apiError(code)) {
			t.Errorf("%s is not taken for credentials that AWS does not know", code)
		}
	}
	for _, code := range []string{"ExpiredToken", "ExpiredTokenException"} {
		if isBadToken(apiError(code)) || !isExpired(apiError(code)) {
			t.Errorf("%s is not taken for expired credentials", code)
		}
	}
	if err := apiError("AccessDenied"); isBadToken(err) || isExpired(err) {
		t.Error("a denied call says nothing of the credentials")
	}
}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// TestRemedies checks that every class of failure has words of its own, and
// that a message is whole.
func TestRemedies(t *testing.T) {
	t.Parallel()
	at := inventory.Target{AccountID: "111122223333", Region: "eu-west-1"}
	said := map[string]inventory.Class{}
	for _, class := range inventory.Classes() {
		message := describe("GetAccount", at, class, apiError("Code"))
		prefix := "GetAccount in account 111122223333, region eu-west-1: Code: AWS's words; "
		what, ok := strings.CutPrefix(message, prefix)
		if !ok || what == "" {
			t.Errorf("%s: %q does not begin with %q", class, message, prefix)
		}
		if other, ok := said[what]; ok && class != inventory.NotFound && class != inventory.Other {
			t.Errorf("%s and %s are both %q", class, other, what)
		}
		said[what] = class
	}
	for _, tt := range []struct {
		target inventory.Target
		err    error
		want   string
	}{
		{inventory.Target{Region: "eu-west-1"}, io.EOF, "Op in account of the ambient credentials, region eu-west-1: EOF; check for a proxy or an endpoint that is not AWS"},
		{at, &ownError{inventory.Invalid, "What was found", "do that"}, "Op in account 111122223333, region eu-west-1: What was found; do that"},
	} {
		if got := describe("Op", tt.target, inventory.Invalid, tt.err); got != tt.want {
			t.Errorf("%q,\nwant %q", got, tt.want)
		}
	}
}
