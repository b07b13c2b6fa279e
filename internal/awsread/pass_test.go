package awsread

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestOneOutcomePerAPI checks that an API has one outcome, whatever the parts
// of a pass have to say about it, and in whatever order.
func TestOneOutcomePerAPI(t *testing.T) {
	t.Parallel()
	const api = inventory.APICloudWatch
	before := inventory.Outcome{API: api, Class: inventory.Denied, Message: "of the pass before", LastSuccess: time.Unix(1, 0)}
	skipped := (*pass).skipped
	called := (*pass).called
	failed := func(p *pass, api string) { p.fail(t.Context(), api, "ListMetrics", errors.New("x")) }
	for _, tt := range []struct {
		name string
		does []func(*pass, string)
		want inventory.Class
	}{
		{"skipped twice", []func(*pass, string){skipped, skipped}, before.Class},
		{"called twice", []func(*pass, string){called, called}, inventory.OK},
		{"called, then skipped", []func(*pass, string){called, skipped}, inventory.OK},
		{"skipped, then called", []func(*pass, string){skipped, called}, inventory.OK},
		{"called, failed and called", []func(*pass, string){called, failed, called}, inventory.Other},
		{"failed twice, then skipped", []func(*pass, string){failed, failed, skipped}, inventory.Other},
	} {
		p := &pass{account: &account{}, asked: map[string]failure{}, skips: map[string]bool{}, prev: &inventory.Reading{Outcomes: []inventory.Outcome{before}}}
		for _, do := range tt.does {
			do(p, api)
		}
		r := p.finish()
		if len(r.Outcomes) != 1 || r.Outcomes[0].Class != tt.want {
			t.Errorf("%s: %+v, want one outcome of class %q", tt.name, r.Outcomes, tt.want)
			continue
		}
		if ok := r.Outcomes[0].LastSuccess.Equal(r.End); ok != (tt.want == inventory.OK) || !ok && !r.Outcomes[0].LastSuccess.Equal(before.LastSuccess) {
			t.Errorf("%s: last success %s", tt.name, r.Outcomes[0].LastSuccess)
		}
	}
}

// TestPanicOfAPass checks that a panic in a goroutine of a pass becomes one of
// Read's caller, whichever goroutine it is.
func TestPanicOfAPass(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"ListUserPools", "DescribeUserPool", "GetAccount"} {
		r, err := New(t.Context(), Options{
			Endpoint: "http://aws.example", AccessKeyID: "AKIATEST", SecretAccessKey: "test",
			HTTPClient: answers{}, Observe: func(a Attempt) {
				if a.Operation == part {
					panic("surprise")
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				var got *PanicError
				if err, ok := recover().(error); !ok || !errors.As(err, &got) || got.Value != "surprise" || !strings.Contains(string(got.Stack), "TestPanicOfAPass") {
					t.Errorf("%s: %v", part, got)
				}
			}()
			reading := r.Read(t.Context(), inventory.Target{AccountID: "100000000001", Region: "eu-west-1"}, nil)
			t.Errorf("%s: %+v", part, reading.Outcomes)
		}()
	}
}

// answers are the least that AWS can say.
type answers struct{}

func (answers) Do(r *http.Request) (*http.Response, error) {
	body := map[string]string{
		"/":                         `<R><GetCallerIdentityResult><Account>100000000001</Account></GetCallerIdentityResult></R>`,
		"/v2/email/account":         `{"EnforcementStatus": "HEALTHY"}`,
		"/v2/email/list-identities": `{"EmailIdentities": []}`,
		"AWSCognitoIdentityProviderService.ListUserPools":    `{"UserPools": [{"Id": "eu-west-1_a", "Name": "a"}]}`,
		"AWSCognitoIdentityProviderService.DescribeUserPool": `{"UserPool": {"Id": "eu-west-1_a"}}`,
	}[cmp.Or(r.Header.Get("X-Amz-Target"), r.URL.Path)]
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for n, most := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 5: 4 * time.Second, 7: maxBackoff, 1000: maxBackoff} {
		var longest time.Duration
		for range 1000 {
			longest = max(longest, backoff(n))
		}
		if longest >= most || longest < most*9/10 {
			t.Errorf("after %d throttled calls, up to %s, want %s", n, longest, most)
		}
	}
}
