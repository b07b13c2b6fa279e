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
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

// classByCode maps AWS's error codes to classes. Codes that a status says
// enough about are not in it.
var classByCode = func() map[string]inventory.Class {
	byCode := map[string]inventory.Class{}
	for class, codes := range map[inventory.Class]string{
		inventory.Throttled: "TooManyRequestsException ThrottlingException Throttling ThrottledException RequestThrottled " +
			"RequestLimitExceeded LimitExceededException SlowDown",
		inventory.Denied: "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorizedException UnrecognizedClientException " +
			"InvalidClientTokenId SignatureDoesNotMatch InvalidSignatureException IncompleteSignature ExpiredToken ExpiredTokenException " +
			"MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired InvalidIdentityToken",
		inventory.RegionDisabled: "RegionDisabledException",
		inventory.NotFound:       "NotFoundException ResourceNotFoundException ParentNotFoundException TargetNotFoundException AWSOrganizationsNotInUseException",
		inventory.Invalid: "ValidationException ValidationError InvalidParameterException BadRequestException InvalidAction " +
			"UnknownOperationException",
		inventory.Unavailable: "InternalErrorException InternalFailure InternalServerError ServiceUnavailable ServiceUnavailableException",
	} {
		for code := range strings.FieldsSeq(codes) {
			byCode[code] = class
		}
	}
	return byCode
}()

// ownError is a failure that this package finds by itself.
type ownError struct {
	class        inventory.Class
	text, remedy string
}

func (e *ownError) Error() string { return e.text }

var errMalformed = &ownError{inventory.Invalid, "malformed response: it lacks what AWS always sends", remedy(inventory.Invalid)}

// errValue is wrapped by errors that name the field and the value that is in it.
var errValue = &ownError{inventory.Invalid, "malformed response: a value makes no sense", remedy(inventory.Invalid)}

var errRepeated = &ownError{inventory.Invalid, "malformed response: a page leads to itself", remedy(inventory.Invalid)}

// PanicError is a panic that was recovered in another goroutine than its
// reader's. [Reader.Read] panics with it, but where the AWS SDK panicked over an
// answer: that is a failed call, which [Options.Panicked] is told of.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// StackTrace returns the stack of the goroutine that panicked, for a log.
func (e *PanicError) StackTrace() []byte { return e.Stack }

// is reports whether an error in err's chain is of the type.
func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// noCode is what the SDK calls an error that has no code.
const noCode = "UnknownError"

// codeOf returns AWS's error code, empty when AWS gave none.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() != noCode {
		return api.ErrorCode()
	}
	return ""
}

// statusOf returns the status of the answer, 0 without one.
func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

// classOf classifies an error of an AWS call.
func classOf(err error) inventory.Class {
	if err == nil {
		return inventory.OK
	}
	if class, ok := classByCode[codeOf(err)]; ok {
		return class
	}
	if own, ok := errors.AsType[*ownError](err); ok {
		return own.class
	}
	status := statusOf(err)
	if status == http.StatusTooManyRequests {
		return inventory.Throttled
	}
	if status >= http.StatusInternalServerError {
		return inventory.Unavailable
	}
	if status == http.StatusNotFound && codeOf(err) == "" {
		return inventory.Invalid // It is the operation that is not there, whatever answers.
	}
	if notOffered(err) {
		return inventory.NotOffered
	}
	network, ok := errors.AsType[net.Error](err)
	switch text := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded), ok && network.Timeout():
		return inventory.Timeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), is[*net.OpError](err), is[*net.DNSError](err):
		return inventory.Unavailable
	case is[*PanicError](err):
		return inventory.Internal
	case is[*json.SyntaxError](err), is[*xml.SyntaxError](err), is[*smithy.DeserializationError](err):
		return inventory.Invalid
	case strings.Contains(text, "connection reset"), strings.Contains(text, "request send failed"):
		return inventory.Unavailable
	case strings.Contains(text, "response did not contain credentials"):
		return inventory.Invalid
	case strings.Contains(text, "get credentials"), strings.Contains(text, "retrieve credentials"):
		return inventory.Denied
	default:
		return inventory.Other
	}
}

// notOffered reports whether the error is that a host of AWS's own does not
// exist, by an answer of the DNS: AWS has one for each region in which it offers
// a service. STS it offers everywhere, so that without it the DNS is wrong.
func notOffered(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound && !dns.IsTemporary && !dns.IsTimeout && !strings.HasPrefix(dns.Name, "sts.") &&
		slices.ContainsFunc([]string{".amazonaws.com", ".amazonaws.eu", ".api.aws"}, func(suffix string) bool {
			return strings.HasSuffix(strings.TrimSuffix(dns.Name, "."), suffix)
		})
}

// isBadToken reports whether AWS did not know the credentials: expired, wrong,
// or presented in a region that is switched off for the account.
func isBadToken(err error) bool {
	return slices.Contains([]string{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"}, codeOf(err))
}

func isExpired(err error) bool {
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException"}, codeOf(err))
}

// describe words a failure for log and page: the call, the account, the region
// and what to do about it.
func describe(operation string, t inventory.Target, class inventory.Class, err error) string {
	account := t.AccountID
	if account == "" {
		account = "of the ambient credentials"
	}
	what := remedy(class)
	if own, ok := errors.AsType[*ownError](err); ok {
		what = own.remedy
	}
	if call, ok := errors.AsType[*optionalError](err); ok {
		what = call.remedy
	}
	return fmt.Sprintf("%s in account %s, region %s: %s; %s", operation, account, t.Region, cause(err), what)
}

// longestCause is how many characters of an error's own text are kept: those of
// AWS have some hundred, but whatever answers in its place may say anything.
const longestCause = 1000

// cause is AWS's own message where there is one, without the request ids that
// would make every failure look new.
func cause(err error) string {
	text := err.Error()
	switch api, ok := errors.AsType[smithy.APIError](err); {
	case ok && codeOf(err) == "":
		text = fmt.Sprintf("status %d without an error code of AWS: %s", statusOf(err), api.ErrorMessage())
	case ok && api.ErrorMessage() != "":
		text = api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return printable.Cut(text, longestCause)
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
		return "enable the region for the account, or remove it from regions"
	case inventory.NotOffered:
		return "the host does not exist, so AWS does not offer the service in the region; if it does, check the DNS"
	case inventory.Invalid:
		return "check for a proxy or an endpoint that is not AWS"
	case inventory.Internal:
		return "what was known before stays; the log has the stack, please report it"
	case inventory.OK, inventory.NotAsked, inventory.NotFound, inventory.Other:
	}
	return "see the message"
}
