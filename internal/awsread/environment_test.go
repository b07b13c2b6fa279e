package awsread_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// isolate gives the SDK an environment of its own, without credentials.
func isolate(t *testing.T, endpoint string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // So that it comes back.
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_ENDPOINT_URL", endpoint)
	t.Setenv("AWS_ENDPOINT_URL_STS", endpoint) // For roles of profiles and web identities, the SDK only looks here.
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// own reads the ambient account in eu-west-1 with nothing but the environment.
func own(t *testing.T) inventory.Reading {
	t.Helper()
	r := newReader(t, awsread.Options{RequestTimeout: time.Minute, DescribeMaxAge: time.Hour})
	return r.Read(t.Context(), inventory.Target{Region: "eu-west-1"}, nil)
}

func TestCABundle(t *testing.T) {
	sim := simulate(t, awssim.Options{NoQuotas: true})
	server := httptest.NewUnstartedServer(sim)
	server.Config.ErrorLog = discard()
	server.StartTLS()
	t.Cleanup(server.Close)
	isolate(t, server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "eu-west-1")

	untrusted := own(t)
	if o, _ := untrusted.Outcome(inventory.APISTS); o.Class != inventory.Unavailable || !strings.Contains(o.Message, "certificate") {
		t.Errorf("without the bundle: %+v", untrusted.Outcomes)
	}

	t.Setenv("AWS_CA_BUNDLE", writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))))
	trusted := own(t)
	allOK(t, trusted)
	complete(t, trusted)
}

func TestProfile(t *testing.T) {
	sim := simulate(t, awssim.Options{NoQuotas: true})
	isolate(t, sim.serve(t).URL)
	t.Setenv("AWS_CONFIG_FILE", writeFile(t, "[profile base]\nregion = eu-west-1\n\n[profile staging]\nregion = eu-central-1\nsource_profile = base\nrole_arn = "+
		role(staging).RoleARN+"\nexternal_id = "+external+"\n"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", writeFile(t, "[base]\naws_access_key_id = AKIAFILE\naws_secret_access_key = test\n"))

	t.Setenv("AWS_PROFILE", "base")
	r := own(t)
	allOK(t, r)
	complete(t, r)
	if r.Target.AccountID != hub {
		t.Errorf("profile base belongs to %s", r.Target.AccountID)
	}

	t.Setenv("AWS_PROFILE", "staging")
	r = own(t)
	allOK(t, r)
	complete(t, r)
	if r.Target.AccountID != staging {
		t.Errorf("profile staging belongs to %s", r.Target.AccountID)
	}
	if region := newReader(t, awsread.Options{}).Region(); region != "eu-central-1" {
		t.Errorf("region %q, want the profile's", region)
	}
}

func TestWebIdentity(t *testing.T) {
	sim := simulate(t, awssim.Options{NoQuotas: true})
	isolate(t, sim.serve(t).URL)
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_ROLE_ARN", role(staging).RoleARN)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", writeFile(t, "eyJhbGciOiJub25lIn0.e30."))
	r := own(t)
	allOK(t, r)
	complete(t, r)
	if r.Target.AccountID != staging || sim.calls(staging, "AssumeRoleWithWebIdentity") != 1 {
		t.Errorf("account %s, calls %+v", r.Target.AccountID, sim.Calls())
	}
}

func TestNoCredentials(t *testing.T) {
	sim := simulate(t, awssim.Options{NoQuotas: true})
	isolate(t, sim.serve(t).URL)
	t.Setenv("AWS_REGION", "eu-west-1")
	r := own(t)
	for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
		if o, _ := r.Outcome(api); o.Class != inventory.Denied || !strings.Contains(o.Message, "check the credentials") {
			t.Errorf("%s: %+v", api, o)
		}
	}
	if len(sim.Calls()) > 0 {
		t.Errorf("calls %+v", sim.Calls())
	}
}

// TestProxy runs itself in a process of its own, since Go looks at the proxy's
// variables once. The endpoint has no address that anyone could resolve.
func TestProxy(t *testing.T) {
	if os.Getenv("AWSREAD_TEST_BEHIND_PROXY") != "" {
		r := own(t)
		allOK(t, r)
		complete(t, r)
		return
	}
	sim := simulate(t, awssim.Options{NoQuotas: true})
	var proxied atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "aws.invalid" {
			proxied.Add(1)
		}
		w.Header().Set("Connection", "close") // Or the other process would leave with an open one.
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	isolate(t, "http://aws.invalid")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	t.Setenv("http_proxy", "")
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("AWSREAD_TEST_BEHIND_PROXY", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), self, "-test.run=^TestProxy$").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if proxied.Load() < 4 {
		t.Errorf("%d requests went through the proxy", proxied.Load())
	}
}

// TestAmbient asks whose the credentials are, and tells none from those that do
// not work.
func TestAmbient(t *testing.T) {
	sim := simulate(t, awssim.Options{NoQuotas: true})
	isolate(t, sim.serve(t).URL)
	if id, err := newReader(t, awsread.Options{RequestTimeout: time.Minute}).Ambient(t.Context(), "eu-west-1"); id != "" || err != nil {
		t.Errorf("without credentials: account %q, error %v", id, err)
	}
	t.Setenv("AWS_ROLE_ARN", role(staging).RoleARN)
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(t.TempDir(), "none"))
	id, err := newReader(t, awsread.Options{RequestTimeout: time.Minute}).Ambient(t.Context(), "eu-west-1")
	if f, ok := errors.AsType[*inventory.Failure](err); !ok || id != "" || !f.Class.Failed() {
		t.Errorf("with a token that is missing: account %q, error %v", id, err)
	}
	if calls := sim.Calls(); len(calls) > 0 {
		t.Errorf("calls %+v", calls)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", writeFile(t, "eyJhbGciOiJub25lIn0.e30."))
	if id, err := newReader(t, awsread.Options{RequestTimeout: time.Minute}).Ambient(t.Context(), "eu-west-1"); id != staging || err != nil {
		t.Errorf("account %q, error %v", id, err)
	}
}
