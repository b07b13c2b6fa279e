package inventory

import (
	"strings"
	"testing"
)

const (
	policyPool     = "arn:aws:cognito-idp:eu-west-1:" + account + ":userpool/eu-west-1_AbCdEf123"
	policyIdentity = arnBase + "Example.com"
	ownRole        = "arn:aws:iam::" + account + ":role/aws-service-role/email.cognito-idp.amazonaws.com/AWSServiceRoleForAmazonCognitoIdpEmailService"
)

// policy returns a policy of one statement like AWS's example, with elements
// replaced.
func policy(replace ...string) string {
	elements := map[string]string{
		"Effect": `"Allow"`, "Principal": `{"Service": "email.cognito-idp.amazonaws.com"}`,
		"Action": `["SES:SendEmail", "SES:SendRawEmail"]`, "Resource": `"` + policyIdentity + `"`,
	}
	for i := 0; i < len(replace); i += 2 {
		element, value := replace[i], replace[i+1]
		delete(elements, strings.TrimPrefix(element, "Not"))
		if elements[element] = value; value == "" {
			delete(elements, element)
		}
	}
	var list []string
	for element, value := range elements {
		list = append(list, `"`+element+`": `+value)
	}
	return `{"Version": "2012-10-17", "Statement": [{` + strings.Join(list, ", ") + `}]}`
}

func TestSendingPolicies(t *testing.T) {
	condition := func(operator, key, value string) string {
		return policy("Condition", `{"`+operator+`": {"`+key+`": `+value+`}}`)
	}
	deny := func(replace ...string) string { return policy(append(replace, "Effect", `"Deny"`)...) }
	const byPool, byAccount = `"` + policyPool + `"`, `"` + account + `"`
	for name, tt := range map[string]struct {
		policies         []string
		permits, forbids Tri // the service of the built-in sender
	}{
		"none":                      {nil, No, No},
		"AWS's example":             {[]string{policy("Condition", `{"StringEquals": {"aws:SourceAccount": `+byAccount+`}, "ArnLike": {"aws:SourceArn": `+byPool+`}}`)}, Yes, No},
		"one statement, not a list": {[]string{strings.NewReplacer("[{", "{", "}]", "}").Replace(policy("Action", `"ses:*"`))}, Yes, No},
		"no statements":             {[]string{`{"Version":"2012-10-17","Statement":[]}`}, No, No},
		"with id and sid":           {[]string{`{"Id": "x", ` + policy("Sid", `"y"`)[1:]}, Yes, No},

		"services in a list":    {[]string{policy("Principal", `{"Service": ["a.amazonaws.com", "email.cognito-idp.amazonaws.com"]}`)}, Yes, No},
		"another service":       {[]string{policy("Principal", `{"Service": "cognito-idp.amazonaws.com"}`)}, No, No},
		"a part of services":    {[]string{policy("Principal", `{"Service": "*.amazonaws.com"}`)}, Unknown, No},
		"anyone":                {[]string{policy("Principal", `"*"`)}, Yes, No},
		"any AWS":               {[]string{policy("Principal", `{"AWS": ["*"]}`)}, Yes, No},
		"the account":           {[]string{policy("Principal", `{"AWS": `+byAccount+`}`)}, No, No},
		"a principal of others": {[]string{policy("Principal", `{"Federated": "x"}`)}, Unknown, No},
		"all but it":            {[]string{policy("NotPrincipal", `{"Service": "email.cognito-idp.amazonaws.com"}`)}, No, No},
		"all but another":       {[]string{policy("NotPrincipal", `{"AWS": `+byAccount+`}`)}, Yes, No},

		"any action of SES":   {[]string{policy("Action", `"ses:*"`)}, Yes, No},
		"any action":          {[]string{policy("Action", `"*"`)}, Yes, No},
		"actions by pattern":  {[]string{policy("Action", `["ses:send*mail"]`)}, Yes, No},
		"by question mark":    {[]string{policy("Action", `["ses:SendEmai?", "ses:SendRawEmail"]`)}, Yes, No},
		"only one of the two": {[]string{policy("Action", `"ses:SendEmail"`)}, Unknown, No},
		"one in each policy":  {[]string{policy("Action", `"ses:SendEmail"`), policy("Action", `"ses:SendRawEmail"`)}, Yes, No},
		"another action":      {[]string{policy("Action", `"ses:GetEmailIdentity"`)}, No, No},
		"all but another one": {[]string{policy("NotAction", `"ses:SendBulkEmail"`)}, Yes, No},
		"all but sending":     {[]string{policy("NotAction", `"ses:Send*"`)}, No, No},

		"another resource":      {[]string{policy("Resource", `"`+arnBase+`example.org"`)}, No, No},
		"a resource by pattern": {[]string{policy("Resource", `["arn:aws:ses:*:`+account+`:identity/*"]`)}, Yes, No},
		"any resource":          {[]string{policy("Resource", `"*"`)}, Yes, No},
		"case of the resource":  {[]string{policy("Resource", `"`+strings.ToLower(policyIdentity)+`"`)}, Yes, No},
		"a variable":            {[]string{policy("Resource", `"arn:aws:ses:*:*:identity/${aws:PrincipalTag/domain}"`)}, Unknown, No},
		"all but this resource": {[]string{policy("NotResource", `"`+policyIdentity+`"`)}, No, No},
		"all but other ones":    {[]string{policy("NotResource", `"`+arnBase+`example.org"`)}, Yes, No},

		"its account":               {[]string{condition("StringEquals", "aws:SourceAccount", byAccount)}, Yes, No},
		"a key in another case":     {[]string{condition("StringEquals", "AWS:sourceaccount", byAccount)}, Yes, No},
		"a number":                  {[]string{condition("StringEquals", "aws:SourceAccount", account)}, Yes, No},
		"another account":           {[]string{condition("StringEquals", "aws:SourceAccount", `"444455556666"`)}, No, No},
		"one of some accounts":      {[]string{condition("StringEquals", "aws:SourceAccount", `["444455556666", `+byAccount+`]`)}, Yes, No},
		"not another account":       {[]string{condition("StringNotEquals", "aws:SourceAccount", `"444455556666"`)}, Yes, No},
		"none of some accounts":     {[]string{condition("StringNotEquals", "aws:SourceAccount", `["444455556666", `+byAccount+`]`)}, No, No},
		"an account by pattern":     {[]string{condition("StringLike", "aws:SourceAccount", `"1111*"`)}, Yes, No},
		"not by pattern":            {[]string{condition("StringNotLike", "aws:SourceAccount", `"1111*"`)}, No, No},
		"its pool":                  {[]string{condition("StringEquals", "aws:SourceArn", byPool)}, Yes, No},
		"its pool by pattern":       {[]string{condition("ArnLike", "aws:SourceArn", `"arn:aws:cognito-idp:*:`+account+`:userpool/*"`)}, Yes, No},
		"ArnEquals has patterns":    {[]string{condition("ArnEquals", "aws:SourceArn", `"arn:aws:cognito-idp:eu-west-1:*:userpool/eu-west-1_?bCdEf123"`)}, Yes, No},
		"StringEquals has none":     {[]string{condition("StringEquals", "aws:SourceArn", `"arn:aws:cognito-idp:*:`+account+`:userpool/*"`)}, No, No},
		"an asterisk in one part":   {[]string{condition("ArnLike", "aws:SourceArn", `"arn:aws:cognito-idp:*/eu-west-1_AbCdEf123"`)}, Unknown, No},
		"the same as text":          {[]string{condition("StringLike", "aws:SourceArn", `"arn:aws:cognito-idp:*/eu-west-1_AbCdEf123"`)}, Yes, No},
		"another pool":              {[]string{condition("ArnEquals", "aws:SourceArn", `"`+policyPool+`x"`)}, No, No},
		"not another pool":          {[]string{condition("ArnNotEquals", "aws:SourceArn", `"`+policyPool+`x"`)}, Yes, No},
		"not its pool":              {[]string{condition("ArnNotLike", "aws:SourceArn", byPool)}, No, No},
		"a pool in another case":    {[]string{condition("StringEqualsIgnoreCase", "aws:SourceArn", `"`+strings.ToUpper(policyPool)+`"`)}, Yes, No},
		"not in any case":           {[]string{condition("StringNotEqualsIgnoreCase", "aws:SourceArn", `"`+strings.ToUpper(policyPool)+`"`)}, No, No},
		"exact in case":             {[]string{condition("StringEquals", "aws:SourceArn", `"`+strings.ToUpper(policyPool)+`"`)}, No, No},
		"if there is one":           {[]string{condition("ArnLikeIfExists", "aws:SourceArn", byPool)}, Yes, No},
		"there has to be one":       {[]string{condition("Null", "aws:SourceArn", `false`)}, Yes, No},
		"there must not be one":     {[]string{condition("Null", "aws:SourceArn", `"true"`)}, No, No},
		"a variable as value":       {[]string{condition("StringEquals", "aws:SourceArn", `"${aws:x}"`)}, Unknown, No},
		"a variable or the pool":    {[]string{condition("StringEquals", "aws:SourceArn", `["${aws:x}", `+byPool+`]`)}, Yes, No},
		"another operator":          {[]string{condition("ForAnyValue:StringEquals", "aws:SourceArn", byPool)}, Unknown, No},
		"another key":               {[]string{condition("StringEquals", "ses:FromAddress", `"a@example.com"`)}, Unknown, No},
		"another key and not its":   {[]string{policy("Condition", `{"StringEquals": {"ses:FromAddress": "a@example.com", "aws:SourceAccount": "444455556666"}}`)}, No, No},
		"another key, or no":        {[]string{condition("StringEquals", "ses:FromAddress", `"a"`), policy()}, Yes, No},
		"without values":            {[]string{condition("StringEquals", "aws:SourceAccount", `[]`)}, No, No},
		"an empty list is nobody's": {[]string{policy("Condition", `{}`)}, Yes, No},

		"denied":                   {[]string{policy(), deny()}, No, Yes},
		"denied alone":             {[]string{deny()}, No, Yes},
		"denied to anyone":         {[]string{policy(), deny("Principal", `"*"`)}, No, Yes},
		"denied to another":        {[]string{policy(), deny("Principal", `{"Service": "x.amazonaws.com"}`)}, Yes, No},
		"one of the two denied":    {[]string{policy(), deny("Action", `"ses:SendEmail"`)}, Unknown, Unknown},
		"denied on a condition":    {[]string{policy(), deny("Condition", `{"StringNotLike": {"ses:FromAddress": "*test*"}}`)}, Unknown, Unknown},
		"denied to other accounts": {[]string{policy(), deny("Principal", `"*"`, "Condition", `{"StringNotEquals": {"aws:SourceAccount": `+byAccount+`}}`)}, Yes, No},

		"no JSON":                     {[]string{`Statement`}, Unknown, Unknown},
		"not an object":               {[]string{`[]`}, Unknown, Unknown},
		"nothing":                     {[]string{``}, Unknown, Unknown},
		"null":                        {[]string{`null`}, Unknown, Unknown},
		"more after it":               {[]string{policy() + `{}`}, Unknown, Unknown},
		"no statement":                {[]string{`{"Version": "2012-10-17"}`}, Unknown, Unknown},
		"a statement that is text":    {[]string{`{"Statement": "Allow"}`}, Unknown, Unknown},
		"an element of the future":    {[]string{policy("Unless", `"x"`)}, Unknown, Unknown},
		"in the policy":               {[]string{`{"Unless": 1, ` + policy()[1:]}, Unknown, Unknown},
		"an effect of the future":     {[]string{policy("Effect", `"Ask"`)}, Unknown, Unknown},
		"no effect":                   {[]string{policy("Effect", "")}, Unknown, Unknown},
		"no principal":                {[]string{policy("Principal", "")}, Unknown, Unknown},
		"no action":                   {[]string{policy("Action", "")}, Unknown, Unknown},
		"no resource":                 {[]string{policy("Resource", "")}, Unknown, Unknown},
		"a principal that is text":    {[]string{policy("Principal", `"email.cognito-idp.amazonaws.com"`)}, Unknown, Unknown},
		"a principal of nobody":       {[]string{policy("Principal", `{}`)}, Unknown, Unknown},
		"a principal in a list":       {[]string{policy("Principal", `["*"]`)}, Unknown, Unknown},
		"a service that is none":      {[]string{policy("Principal", `{"Service": {}}`)}, Unknown, Unknown},
		"a service in a list of it":   {[]string{policy("Principal", `{"Service": [["email.cognito-idp.amazonaws.com"]]}`)}, Unknown, Unknown},
		"an action that is null":      {[]string{policy("Action", `null`)}, Unknown, Unknown},
		"actions with a null":         {[]string{policy("Action", `["ses:*", null]`)}, Unknown, Unknown},
		"conditions in a list":        {[]string{policy("Condition", `[]`)}, Unknown, Unknown},
		"a condition on null":         {[]string{condition("StringEquals", "aws:SourceArn", `null`)}, Unknown, Unknown},
		"unreadable, beside":          {[]string{policy(), `{`}, Unknown, Unknown},
		"unreadable, but denied":      {[]string{deny(), `{`}, No, Yes},
		"an unreadable statement":     {[]string{`{"Statement": [{}, ` + policy()[strings.Index(policy(), "[")+1:]}, Unknown, Unknown},
		"action and not action":       {[]string{`{"Statement": {"Effect": "Allow", "Principal": "*", "Resource": "*", "Action": "ses:*", "NotAction": "ses:*"}}`}, Unknown, Unknown},
		"resource and not resource":   {[]string{`{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "NotResource": "x"}}`}, Unknown, Unknown},
		"principal and not principal": {[]string{`{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "NotPrincipal": "*"}}`}, Unknown, Unknown},
	} {
		p := parsed(tt.policies...)
		r := SendRequest{IdentityARN: policyIdentity, PoolARN: policyPool, AccountID: account, Service: "email.cognito-idp.amazonaws.com"}
		if permits, forbids := p.Permits(r), p.Forbids(r); permits != tt.permits || forbids != tt.forbids {
			t.Errorf("%s: permits %v, forbids %v; want %v and %v:\n%s", name, permits, forbids, tt.permits, tt.forbids, tt.policies)
		}
	}
}

// TestDeniedRole has what sends for ordinary pools of mode DEVELOPER, which a
// policy can only deny.
func TestDeniedRole(t *testing.T) {
	const others = `{"StringNotEquals": {"aws:SourceAccount": "` + account + `"}}`
	for name, tt := range map[string]struct {
		policies []string
		forbids  Tri
	}{
		"nothing":                    {nil, No},
		"others are allowed":         {[]string{policy()}, No},
		"anyone":                     {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`)}, Yes},
		"the account":                {[]string{policy("Effect", `"Deny"`, "Principal", `{"AWS": "`+account+`"}`)}, Yes},
		"the account's root":         {[]string{policy("Effect", `"Deny"`, "Principal", `{"AWS": "arn:aws:iam::`+account+`:root"}`)}, Yes},
		"the role":                   {[]string{policy("Effect", `"Deny"`, "Principal", `{"AWS": ["`+ownRole+`"]}`)}, Yes},
		"another role":               {[]string{policy("Effect", `"Deny"`, "Principal", `{"AWS": "arn:aws:iam::`+account+`:role/other"}`)}, No},
		"another account":            {[]string{policy("Effect", `"Deny"`, "Principal", `{"AWS": "444455556666"}`)}, No},
		"all but the role":           {[]string{policy("Effect", `"Deny"`, "NotPrincipal", `{"AWS": "`+ownRole+`"}`)}, No},
		"all but another role":       {[]string{policy("Effect", `"Deny"`, "NotPrincipal", `{"AWS": "arn:aws:iam::`+account+`:role/other"}`)}, Yes},
		"Cognito's service":          {[]string{policy("Effect", `"Deny"`)}, Unknown},
		"another service":            {[]string{policy("Effect", `"Deny"`, "Principal", `{"Service": "pinpoint.amazonaws.com"}`)}, No},
		"anyone for other accounts":  {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", others)}, Unknown},
		"anyone for its account":     {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", strings.Replace(others, "Not", "", 1))}, Unknown},
		"for another account":        {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", `{"StringEquals": {"aws:SourceAccount": "444455556666"}}`)}, No},
		"not for another account":    {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", `{"StringNotEquals": {"aws:SourceAccount": "444455556666"}}`)}, Yes},
		"its account, if any":        {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", `{"StringEqualsIfExists": {"aws:SourceAccount": "`+account+`"}}`)}, Yes},
		"with an account or without": {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", `{"Null": {"aws:SourceAccount": "true"}}`)}, Unknown},
		"another key":                {[]string{policy("Effect", `"Deny"`, "Principal", `"*"`, "Condition", `{"Bool": {"aws:SecureTransport": "false"}}`)}, Unknown},
		"unreadable":                 {[]string{`{`}, Unknown},
	} {
		p := parsed(tt.policies...)
		r := SendRequest{IdentityARN: policyIdentity, PoolARN: policyPool, AccountID: account}
		if got := p.Forbids(r); got != tt.forbids {
			t.Errorf("%s: %v, want %v:\n%s", name, got, tt.forbids, tt.policies)
		}
	}
}

// parsed gives each policy a name.
func parsed(policies ...string) SendingPolicies {
	named := map[string]string{}
	for i, p := range policies {
		named[string(rune('a'+i))] = p
	}
	return ParseSendingPolicies(named)
}

// TestNewSendRequest checks who asks.
func TestNewSendRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		pool, ses string
		mode      Mode
		service   string
	}{
		"own SES":                  {"eu-west-1", "eu-west-1", ModeDeveloper, ""},
		"own SES, backwards":       {"eu-central-1", "eu-west-1", ModeDeveloper, ""},
		"own FROM":                 {"eu-west-1", "eu-west-1", ModeDefault, "email.cognito-idp.amazonaws.com"},
		"alternate":                {"me-central-1", "eu-central-1", ModeDeveloper, "cognito-idp.me-central-1.amazonaws.com"},
		"alternate, own FROM":      {"me-central-1", "eu-west-2", ModeDefault, "cognito-idp.me-central-1.amazonaws.com"},
		"where SES has come since": {"me-central-1", "me-central-1", ModeDeveloper, ""},
		"not in the table":         {"us-gov-west-1", "us-gov-west-1", ModeDeveloper, ""},
	} {
		r := newSendRequest(PoolKey{Key{account, tt.pool}, tt.pool + "_1"}, &Sender{EmailConfiguration: EmailConfiguration{Mode: tt.mode}}, tt.ses, "example.com")
		want := SendRequest{
			IdentityARN: "arn:" + Partition(tt.ses) + ":ses:" + tt.ses + ":" + account + ":identity/example.com",
			PoolARN:     "arn:" + Partition(tt.pool) + ":cognito-idp:" + tt.pool + ":" + account + ":userpool/" + tt.pool + "_1",
			AccountID:   account, Service: tt.service,
		}
		if r != want {
			t.Errorf("%s: %+v, want %+v", name, r, want)
		}
	}
}

func TestEqualPolicies(t *testing.T) {
	deny := policy("Effect", `"Deny"`)
	allow := policy()
	two, same := parsed(allow, deny), parsed(deny, allow)
	if !two.Equal(&same) {
		t.Error("the order of policies makes a difference")
	}
	for name, other := range map[string]SendingPolicies{
		"none": {}, "one of them": parsed(allow), "one twice": parsed(allow, allow), "one more": parsed(allow, deny, "{"),
	} {
		if two.Equal(&other) || other.Equal(&two) {
			t.Errorf("%s: no difference", name)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b:c", true},
		{"**", "a", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "ab", false},
		{"a*c", "abbc", true},
		{"a*c", "abcb", false},
		{"a*b*c", "aXbXbXc", true},
		{"*ab", "aab", true},
		{"*ab", "aba", false},
		{"a?", "a", false},
		{"abc", "ab", false},
		{"a*?", "a", false},
	} {
		if got := glob(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q on %q: %v", tt.pattern, tt.text, got)
		}
	}
}

// FuzzSendingPolicies reads anything: what is not a policy is unknown, what has
// no statement allows nothing.
func FuzzSendingPolicies(f *testing.F) {
	for _, seed := range []string{policy(), policy("Condition", `{"ArnLike": {"aws:SourceArn": ["a", 1, true]}}`), `{"Statement":[]}`, `{`, `{"Statement":[[]]}`, policy("Principal", `{"AWS":["*"]}`)} {
		f.Add(seed)
	}
	requests := []SendRequest{
		{IdentityARN: policyIdentity, PoolARN: policyPool, AccountID: account},
		{IdentityARN: policyIdentity, PoolARN: policyPool, AccountID: account, Service: "email.cognito-idp.amazonaws.com"},
	}
	f.Fuzz(func(t *testing.T, document string) {
		p := parsed(document)
		for _, r := range requests {
			permits, forbids := p.Permits(r), p.Forbids(r)
			if permits == Yes && forbids != No || forbids == Yes && permits != No {
				t.Errorf("permits %v, forbids %v", permits, forbids)
			}
			if p.unreadable && (permits == Yes || forbids == No) {
				t.Errorf("permits %v, forbids %v what cannot be read", permits, forbids)
			}
		}
	})
}
