package awsread

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// endless answers with JSON, XML or CBOR that begins well and never ends. It
// does what the request asks of it, but counts what is read.
type endless struct {
	status int
	start  string
	read   int64 // bytes
}

// Do implements [HTTPClient].
func (e *endless) Do(r *http.Request) (*http.Response, error) {
	header := http.Header{}
	if protocol := r.Header.Get("Smithy-Protocol"); protocol != "" {
		header.Set("Smithy-Protocol", protocol)
	}
	return &http.Response{StatusCode: e.status, Header: header, Body: io.NopCloser(io.MultiReader(strings.NewReader(e.start), e)), ContentLength: -1, Request: r}, nil
}

// Read implements [io.Reader].
func (e *endless) Read(p []byte) (int, error) {
	if e.read += int64(len(p)); e.read > 200<<20 {
		return 0, errors.New("nobody stopped it")
	}
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

// TestEndlessAnswers checks that of an answer which does not end only so much is
// read and kept as AWS could have sent, whatever its status.
func TestEndlessAnswers(t *testing.T) {
	ctx := t.Context()
	for _, tt := range []struct {
		operation, start string
		call             func(aws.Config) error
	}{
		{"DescribeUserPool", `{"UserPool": {"Name": "`, func(c aws.Config) error {
			_, err := cognitoidentityprovider.NewFromConfig(c).DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String("eu-west-1_a")})
			return err
		}},
		{"ListUserPools", `{"NextToken": "`, func(c aws.Config) error {
			_, err := cognitoidentityprovider.NewFromConfig(c).ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)})
			return err
		}},
		{"GetAccount", `{"EnforcementStatus": "`, func(c aws.Config) error {
			_, err := sesv2.NewFromConfig(c).GetAccount(ctx, nil)
			return err
		}},
		{"LookupEvents", `{"Events": [{"CloudTrailEvent": "`, func(c aws.Config) error {
			_, err := cloudtrail.NewFromConfig(c).LookupEvents(ctx, nil)
			return err
		}},
		{"ListMetrics", "\xbf\x69NextToken\x7b\x00\x00\x00\x00\x7f\xff\xff\xff", func(c aws.Config) error {
			_, err := cloudwatch.NewFromConfig(c).ListMetrics(ctx, nil)
			return err
		}},
		{"GetCallerIdentity", `<R><GetCallerIdentityResult><Account>`, func(c aws.Config) error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
			return err
		}},
	} {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusInternalServerError} {
			answer := &endless{status: status, start: tt.start}
			most := int64(mostBody)
			if own, ok := mostBodies[tt.operation]; ok {
				most = own
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := tt.call(aws.Config{
				Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "test", ""),
				HTTPClient: boundedClient{answer}, RetryMaxAttempts: 1,
			})
			runtime.ReadMemStats(&after)
			if class := classOf(err); class != inventory.Invalid || !strings.Contains(err.Error(), "larger than") {
				t.Errorf("%s, status %d: class %s, %.300v", tt.operation, status, class, err)
			}
			if answer.read > most+1<<20 {
				t.Errorf("%s, status %d: %d bytes were read, at most %d are allowed", tt.operation, status, answer.read, most)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > uint64(12*most+4<<20) {
				t.Errorf("%s, status %d: %d bytes were allocated for at most %d", tt.operation, status, allocated, most)
			}
		}
	}
}

func TestBoundedBody(t *testing.T) {
	t.Parallel()
	for length, whole := range map[int]bool{0: true, 9: true, 10: true, 11: false, 5000: false} {
		for _, size := range []int{1, 3, 10, 11, 4096} {
			text := bytes.Repeat([]byte("a"), length)
			b := &boundedBody{ReadCloser: io.NopCloser(bytes.NewReader(text)), most: 10, left: 10}
			var got bytes.Buffer
			_, err := io.CopyBuffer(struct{ io.Writer }{&got}, b, make([]byte, size))
			if whole && (err != nil || got.Len() != length) || !whole && (classOf(err) != inventory.Invalid || got.Len() != 10) {
				t.Errorf("%d bytes, %d at a time: got %d, %v", length, size, got.Len(), err)
			}
		}
	}
}

// TestLongMessage checks that of a long text of AWS only the beginning is kept.
func TestLongMessage(t *testing.T) {
	t.Parallel()
	err := errors.New(strings.Repeat("ü", 1_000_000))
	message := describe("GetAccount", inventory.Target{AccountID: "111122223333", Region: "eu-west-1"}, inventory.Other, err)
	if n := len([]rune(message)); n < longestCause || n > longestCause+200 || !strings.Contains(message, "ü…; see the message") {
		t.Errorf("%d characters: %.100s", n, message)
	}
}
