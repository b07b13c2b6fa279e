package awssim

import (
	"crypto/rand"
	"maps"
	"regexp"
	"strings"
	"time"
)

var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/([\w+=,.@/-]+)$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// Seconds.
const (
	shortestSession = 900
	defaultSession  = 3600
	longestSession  = 43200
	longestChained  = 3600
)

const roleID = "AROAAWSSIM0000000000A" // of every role

// arn is that of the session, which leaves out the path of the role.
func (s *session) arn(region string) string {
	return "arn:" + partition(region) + ":sts::" + s.account + ":assumed-role/" + s.role[strings.LastIndexByte(s.role, '/')+1:] + "/" + s.name
}

func assumeRole(c *call) (object, error) {
	arn, name := c.params.text("RoleArn"), c.params.text("RoleSessionName")
	role := roleARN.FindStringSubmatch(arn) // the account and the name
	switch {
	case arn == "":
		return nil, c.invalid("RoleArn", nil, "not be null")
	case role == nil:
		return nil, badRequest("ValidationException", "%s is invalid", arn)
	case name == "":
		return nil, c.invalid("RoleSessionName", nil, "not be null")
	case !sessionName.MatchString(name):
		return nil, c.invalid("RoleSessionName", name, `satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	lifetime, err := c.bounded("DurationSeconds", shortestSession, longestSession, defaultSession)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.accessKey, "ASIA") && lifetime > longestChained {
		return nil, badRequest("ValidationException", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if c.operation == "AssumeRoleWithWebIdentity" && c.params.text("WebIdentityToken") == "" {
		return nil, badRequest("InvalidIdentityToken", "No WebIdentityToken is given.")
	}
	a := c.fleet.account(role[1])
	if a == nil || a.State != "ACTIVE" || c.operation == "AssumeRole" && a.ExternalID != "" && c.params.text("ExternalId") != a.ExternalID {
		return nil, forbidden("AccessDeniedException", "User: "+c.principal+" is not authorized to perform: sts:"+c.operation+" on resource: "+arn)
	}
	key, secret := "ASIA"+rand.Text()[:16], rand.Text()+rand.Text()[:14]
	made := &session{account: role[1], role: role[2], name: name, token: rand.Text() + rand.Text(), expires: c.now.Add(time.Duration(lifetime) * time.Second)}
	s := c.server
	s.mu.Lock()
	maps.DeleteFunc(s.sessions, func(_ string, old *session) bool { return old.expires.Before(c.now.Add(-time.Hour)) })
	s.sessions[key] = made
	s.mu.Unlock()
	return object{
		"Credentials":     object{"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": made.token, "Expiration": stamp(made.expires)},
		"AssumedRoleUser": object{"Arn": made.arn(c.region), "AssumedRoleId": roleID + ":" + name},
	}, nil
}

func getCallerIdentity(c *call) (object, error) {
	return object{"Account": c.account, "Arn": c.principal, "UserId": c.userID}, nil
}
