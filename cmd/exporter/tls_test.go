package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.certificate, a.key = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// sign signs the certificate, by itself while there is no authority.
func (a *authority) sign(t *testing.T, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed, key
}

// files writes a certificate and its key and returns their paths.
func files(t *testing.T, dir, name string, c *x509.Certificate, key *ecdsa.PrivateKey) (cert, private string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Raw}, private: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, private
}

// output is what a running exporter writes.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}

var listening = regexp.MustCompile(`Listening on".* address=(127\.0\.0\.1:\d+)`)

// serving runs the exporter until the test ends and returns its address.
func serving(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out output
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append(args, "--web.listen-address=127.0.0.1:0"), &out, &out, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d: %s", code, &out)
		}
	})
	for {
		if found := listening.FindStringSubmatch(out.String()); found != nil {
			return found[1]
		}
		select {
		case code := <-ended:
			t.Fatalf("exit code %d: %s", code, &out)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// endpoints has one of every kind.
var endpoints = []string{"/metrics", "/", "/targets", "/rules", "/config", "/static/style.css", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/pools", "/nowhere"}

// TestTLS speaks to the exporter with and without a client certificate and
// password. The password of the user is "secret".
func TestTLS(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	caFile, _ := files(t, dir, "ca", ca.certificate, ca.key)
	c, key := ca.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	certFile, keyFile := files(t, dir, "server", c, key)
	c, key = ca.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "prometheus"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	own := tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	stranger := newAuthority(t)
	c, key = stranger.sign(t, &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	strangers := tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	webConfig := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(webConfig, fmt.Appendf(nil, `
tls_server_config: {cert_file: %q, key_file: %q, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %q}
basic_auth_users: {prometheus: $2b$04$Cyi11poT37OnPlc7BFV.N.PbeMOKmHZmt0uzxBVWZp/B.N3EL7nhe}
`, certFile, keyFile, caFile), 0o600); err != nil {
		t.Fatal(err)
	}
	address := serving(t, "--demo", "--web.config.file="+webConfig)
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.certificate)
	for _, tt := range []struct {
		name     string
		scheme   string
		shows    []tls.Certificate
		password string
		want     int // 0 is a failed handshake
	}{
		{"certificate and password", "https", []tls.Certificate{own}, "secret", http.StatusOK},
		{"wrong password", "https", []tls.Certificate{own}, "guess", http.StatusUnauthorized},
		{"no password", "https", []tls.Certificate{own}, "", http.StatusUnauthorized},
		{"no certificate", "https", nil, "secret", 0},
		{"a stranger's certificate", "https", []tls.Certificate{strangers}, "secret", 0},
		{"no TLS", "http", nil, "secret", http.StatusBadRequest},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, Certificates: tt.shows, MinVersion: tls.VersionTLS12}}
		for _, path := range endpoints {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.scheme+"://"+address+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.password != "" {
				r.SetBasicAuth("prometheus", tt.password)
			}
			got := 0
			if answer, err := transport.RoundTrip(r); err == nil {
				got = answer.StatusCode
				_ = answer.Body.Close()
			}
			want := tt.want
			if want == http.StatusOK {
				switch path {
				case "/nowhere":
					want = http.StatusNotFound
				case "/-/reload":
					want = http.StatusForbidden // It is not enabled.
				case "/-/ready":
					want = got // Not at once.
				}
			}
			if got != want {
				t.Errorf("%s, %s: status %d, want %d", tt.name, path, got, want)
			}
		}
		transport.CloseIdleConnections()
	}
}

// TestRateLimit sends more requests than --web.config.file allows.
func TestRateLimit(t *testing.T) {
	webConfig := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(webConfig, []byte("rate_limit: {interval: 1h, burst: 3}\nhttp_server_config: {headers: {X-Frame-Options: sameorigin}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := serving(t, "--demo", "--web.config.file="+webConfig)
	var got []string
	for range 4 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/-/healthy", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		got = append(got, fmt.Sprint(answer.StatusCode, answer.Header["X-Frame-Options"]))
	}
	if want := "200 [sameorigin],200 [sameorigin],200 [sameorigin],429 []"; strings.Join(got, ",") != want {
		t.Errorf("%q, want %s", got, want)
	}
}
