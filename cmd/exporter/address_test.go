package main

import (
	"os"
	"strings"
	"testing"
)

func TestParseAddresses(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost" // As parseAddresses has it then.
	}
	for _, tt := range []struct {
		external, prefix, listen string
		want                     addresses
		err                      string
	}{
		{"", "", ":10057", addresses{"http://" + host + ":10057", "", ""}, ""},
		{"", "/x/", "0.0.0.0:80", addresses{"http://" + host + ":80", "", "/x"}, ""},
		{"", "", "vsock", addresses{"http://" + host, "", ""}, ""},
		{"https://example.com", "", ":1", addresses{"https://example.com", "", ""}, ""},
		{"https://example.com:8443/a/b/", "", ":1", addresses{"https://example.com:8443/a/b", "/a/b", "/a/b"}, ""},
		{"https://example.com/a", "/", ":1", addresses{"https://example.com/a", "/a", ""}, ""},
		{"example.com", "", ":1", addresses{}, "--web.external-url must be an address"},
		{"ftp://example.com", "", ":1", addresses{}, "--web.external-url must be an address"},
		{"https://u:p@example.com", "", ":1", addresses{}, "--web.external-url must be an address"},
		{"https://example.com?a=b", "", ":1", addresses{}, "--web.external-url must be an address"},
		{"https://example.com/#a", "", ":1", addresses{}, "--web.external-url must be an address"},
		{"https://example.com/%22", "", ":1", addresses{}, "the path of --web.external-url"},
		{"https://example.com", "x", ":1", addresses{}, "the path of --web.route-prefix"},
	} {
		got, err := parseAddresses(tt.external, tt.prefix, tt.listen)
		if tt.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("%q, %q: %v", tt.external, tt.prefix, err)
			}
		} else if err != nil || got != tt.want {
			t.Errorf("%q, %q: %+v, %v", tt.external, tt.prefix, got, err)
		}
	}
}
