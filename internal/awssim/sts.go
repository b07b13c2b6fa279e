package awssim

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/([\w+=,.@/-]+)$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

const (
	shortestSession = 900
	defaultSession  = 3600
	longestSession  = 43200
	longestChained  = 3600
)

type role struct{ account, name string }

func parseRole(arn string) (role, bool) {
	m := roleARN.FindStringSubmatch(arn)
	if m == nil {
		return role{}, false
	}
	return role{m[1], m[2]}, true
}

func assumeRole(c *call) (object, error) {
	arn, name := c.params.text("RoleArn"), c.params.text("RoleSessionName")
	r, ok := parseRole(arn)
	switch {
	case !ok:
		return nil, badRequest("ValidationError", "%s is invalid", arn)
	case !sessionName.MatchString(name):
		return nil, badRequest("ValidationError", "1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	lifetime, given := c.params.number("DurationSeconds")
	chained := strings.HasPrefix(c.accessKey, "ASIA")
	switch {
	case !given:
		lifetime = defaultSession
	case lifetime < shortestSession || lifetime > longestSession:
		return nil, badRequest("ValidationError", "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200", lifetime)
	case chained && lifetime > longestChained:
		return nil, badRequest("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	a := c.fleet.account(r.account)
	if a == nil || c.operation == "AssumeRole" && a.ExternalID != "" && c.params.text("ExternalId") != a.ExternalID {
		return nil, &awsError{
			code: "AccessDenied", status: http.StatusForbidden,
			message: "User: " + c.principal + " is not authorized to perform: sts:AssumeRole on resource: " + arn,
		}
	}
	if c.operation == "AssumeRoleWithWebIdentity" && c.params.text("WebIdentityToken") == "" {
		return nil, badRequest("InvalidIdentityToken", "No WebIdentityToken given")
	}
	random := make([]byte, 60)
	_, _ = rand.Read(random) // It never fails.
	key := "ASIA" + base32.StdEncoding.EncodeToString(random[:10])
	secret, token := base64.StdEncoding.EncodeToString(random[10:40]), base64.StdEncoding.EncodeToString(random)
	expires := c.now.Add(time.Duration(lifetime) * time.Second)

	s := c.server
	s.mu.Lock()
	maps.DeleteFunc(s.sessions, func(_ string, old session) bool { return old.expires.Before(c.now.Add(-time.Hour)) })
	s.sessions[key] = session{account: r.account, role: r.name, name: name, token: token, expires: expires}
	s.mu.Unlock()
	return object{
		"Credentials": object{"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token, "Expiration": expires},
		"AssumedRoleUser": object{
			"Arn":           "arn:" + partition(c.region) + ":sts::" + r.account + ":assumed-role/" + r.name + "/" + name,
			"AssumedRoleId": "AROAAWSSIM:" + name,
		},
	}, nil
}

func getCallerIdentity(c *call) (object, error) {
	return object{"Account": c.account, "Arn": c.principal, "UserId": "AIDAAWSSIM"}, nil
}
