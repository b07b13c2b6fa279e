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
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// classByCode maps AWS's error codes to classes. Codes that a retry or a
// status says enough about are not in it.
var classByCode = map[string]inventory.Class{
	"TooManyRequestsException": inventory.Throttled,
	"ThrottlingException":      inventory.Throttled,
	"Throttling":               inventory.Throttled,
	"ThrottledException":       inventory.Throttled,
	"RequestThrottled":         inventory.Throttled,
	"RequestLimitExceeded":     inventory.Throttled,
	"LimitExceededException":   inventory.Throttled,
	"SlowDown":                 inventory.Throttled,

	"AccessDenied":                        inventory.Denied,
	"AccessDeniedException":               inventory.Denied,
	"UnauthorizedOperation":               inventory.Denied,
	"NotAuthorizedException":              inventory.Denied,
	"UnrecognizedClientException":         inventory.Denied,
	"InvalidClientTokenId":                inventory.Denied,
	"SignatureDoesNotMatch":               inventory.Denied,
	"InvalidSignatureException":           inventory.Denied,
	"IncompleteSignature":                 inventory.Denied,
	"ExpiredToken":                        inventory.Denied,
	"ExpiredTokenException":               inventory.Denied,
	"MissingAuthenticationToken":          inventory.Denied,
	"MissingAuthenticationTokenException": inventory.Denied,
	"OptInRequired":                       inventory.Denied,
	"InvalidIdentityToken":                inventory.Denied,
	"RegionDisabledException":             inventory.RegionDisabled,
	"NotFoundException":                   inventory.NotFound,
	"ResourceNotFoundException":           inventory.NotFound,
	"ValidationException":                 inventory.Invalid,
	"ValidationError":                     inventory.Invalid,
	"InvalidParameterException":           inventory.Invalid,
	"BadRequestException":                 inventory.Invalid,
	"InvalidAction":                       inventory.Invalid,
	"UnknownOperationException":           inventory.Invalid,
	"InternalErrorException":              inventory.Unavailable,
	"InternalFailure":                     inventory.Unavailable,
	"InternalServerError":                 inventory.Unavailable,
	"ServiceUnavailable":                  inventory.Unavailable,
	"ServiceUnavailableException":         inventory.Unavailable,
}

var errNonsense = errors.New("the answer lacks what AWS always sends; is there a proxy in between?")

// classOf classifies an error of an AWS call.
func classOf(err error) inventory.Class {
	if err == nil {
		return inventory.OK
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		if class, ok := classByCode[api.ErrorCode()]; ok {
			return class
		}
	}
	var (
		budget    *budgetError
		netErr    net.Error
		opErr     *net.OpError
		dnsErr    *net.DNSError
		status    *smithyhttp.ResponseError
		syntax    *json.SyntaxError
		xmlSyntax *xml.SyntaxError
		deser     *smithy.DeserializationError
	)
	switch {
	case errors.As(err, &budget):
		return inventory.Throttled
	case errors.As(err, &status) && status.HTTPStatusCode() == http.StatusTooManyRequests:
		return inventory.Throttled
	case errors.As(err, &status) && status.HTTPStatusCode() >= http.StatusInternalServerError:
		return inventory.Unavailable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return inventory.Timeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &opErr), errors.As(err, &dnsErr):
		return inventory.Unavailable
	case errors.Is(err, errNonsense), errors.As(err, &syntax), errors.As(err, &xmlSyntax), errors.As(err, &deser):
		return inventory.Invalid
	case strings.Contains(err.Error(), "connection reset"), strings.Contains(err.Error(), "request send failed"):
		return inventory.Unavailable
	case strings.Contains(err.Error(), "response did not contain credentials"):
		return inventory.Invalid
	case strings.Contains(err.Error(), "get credentials"), strings.Contains(err.Error(), "retrieve credentials"):
		return inventory.Denied
	default:
		return inventory.Other
	}
}

// isBadToken reports whether AWS did not know the credentials: expired, wrong,
// or presented in a region that is switched off for the account.
func isBadToken(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{
		"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure",
	}, api.ErrorCode())
}

func isExpired(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{"ExpiredToken", "ExpiredTokenException"}, api.ErrorCode())
}

// describe words a failure for log and page: the call, the account, the region
// and what to do about it.
func describe(operation string, t inventory.Target, class inventory.Class, err error) string {
	account := t.AccountID
	if account == "" {
		account = "of the ambient credentials"
	}
	what := remedy(class)
	var (
		budget *budgetError
		wrong  *wrongAccountError
	)
	switch {
	case errors.As(err, &budget):
		what = "raise request_budgets, or timeout and interval"
	case errors.As(err, &wrong):
		what = "give the account a role_arn"
	}
	return fmt.Sprintf("%s in account %s, region %s: %s; %s", operation, account, t.Region, cause(err), what)
}

// cause is AWS's own message where there is one, without the request ids that
// would make every failure look new.
func cause(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorMessage() != "" {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

func remedy(class inventory.Class) string {
	switch class {
	case inventory.Throttled:
		return "lower request_budgets or lengthen interval"
	case inventory.Denied:
		return "check the credentials, the role's trust policy and its permissions against deploy/aws/iam-policy.json"
	case inventory.Timeout:
		return "check the network path, or raise timeout and request_timeout"
	case inventory.Unavailable:
		return "check the network path and the AWS health dashboard"
	case inventory.RegionDisabled:
		return "enable the region for the account, or leave it out of regions"
	case inventory.Invalid:
		return "check for a proxy or an endpoint that is not AWS"
	case inventory.OK, inventory.NotFound, inventory.Other:
	}
	return "see the message"
}
