package awssim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	sesv1 "github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

const everything = `
accounts:
- id: "100000000001"
  name: main
  alias: acme
  regions:
    eu-west-1:
      ses: {production_access: true, sent_last_24_hours: 10, bounce_rate: 0.25, complaint_rate: 0.001}
      identities:
      - name: example.com
        configuration_set: login
        mail_from: {domain: mail.example.com, status: FAILED, on_failure: REJECT_MESSAGE}
        policies: {cognito: '{"Version":"2012-10-17","Statement":[]}'}
        tags: {team: shop}
      - {name: pending.example.com, status: PENDING, error_type: HOST_NOT_FOUND}
      - {name: old.example.com, status: FAILED, dkim: NOT_STARTED}
      - {name: Box@example.org}
      configuration_sets: [{name: login}, {name: paused, sending_enabled: false}]
      pools:
      - id: eu-west-1_Main00001
        name: main
        mode: DEVELOPER
        source_arn: arn:aws:ses:eu-west-1:100000000001:identity/example.com
        from: Acme <no-reply@example.com>
        reply_to: help@example.com
        configuration_set: login
        tags: {team: shop, env: prod}
        clients: [{id: 1main, name: web}]
      - {id: eu-west-1_Fresh0001, name: fresh, auto_verified: [], tier: LITE, traffic: {per_hour: {SignUp: 20}}}
      - {id: eu-west-1_Old000001, name: old, mode: ABSENT}
    eu-central-1:
      pools:
      - {id: eu-west-1_Main00001, replica_status: INACTIVE, mode: COGNITO_DEFAULT, custom_sender: "arn:aws:lambda:eu-central-1:100000000001:function:sender"}
- {id: "100000000002", unit: Workloads/Prod, tags: {team: shop, env: prod}, new_regions: [eu-new-9]}
- {id: "100000000003", state: CLOSED}
organization: {delegated: ["100000000002"], units: [Empty]}
`

// noon is when the tests of this file take place.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func startEverything(t *testing.T) (*awssim.Server, aws.Config) {
	t.Helper()
	return start(t, awssim.Options{Fleet: parse(t, everything), NoQuotas: true, NoDelays: true, Updates: true, Now: func() time.Time { return noon }})
}

// shape checks that a call succeeded and that its output, as JSON without
// what is empty, is what is wanted.
func shape(t *testing.T, operation string, out any, err error, want string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", operation, err)
		return
	}
	data, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var have, expected any
	if err := json.Unmarshal(data, &have); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatalf("%s: %v in %s", operation, err, want)
	}
	if have = stripped(have); !reflect.DeepEqual(have, expected) {
		data, err := json.Marshal(have)
		t.Errorf("%s:\nhave %s\nwant %s%v", operation, data, want, err)
	}
}

// stripped removes what is null, empty, zero or the SDK's own.
func stripped(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "ResultMetadata")
		for key := range v {
			if v[key] = stripped(v[key]); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case []any:
		for i := range v {
			v[i] = stripped(v[i])
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case string, float64, bool:
		if reflect.ValueOf(v).IsZero() {
			return nil
		}
	}
	return v
}

// post sends a request as clients without the SDK do, signed for a service if
// that is not empty.
func post(t *testing.T, sim *awssim.Server, service, path, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	return postIn(t, sim, "eu-west-1", service, path, target, body)
}

// postIn makes a request that is signed for the region.
func postIn(t *testing.T, sim *awssim.Server, region, service, path, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	if service != "" {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
	}
	w := httptest.NewRecorder()
	sim.ServeHTTP(w, r)
	return w
}

// TestOperations calls every operation, through the SDK where the module has it.
func TestOperations(t *testing.T) {
	sim, cfg := startEverything(t)
	ctx := t.Context()
	cognito, ses, watch := cognitoidentityprovider.NewFromConfig(cfg), sesv2.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	id := aws.String("eu-west-1_Main00001")

	assumed, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::100000000002:role/path/reader"), RoleSessionName: aws.String("me"),
	})
	if err == nil {
		assumed.Credentials = nil
	}
	shape(t, "AssumeRole", assumed, err, `{"AssumedRoleUser": {"Arn": "arn:aws:sts::100000000002:assumed-role/reader/me", "AssumedRoleId": "AROAAWSSIM0000000000A:me"}}`)
	web, err := sts.NewFromConfig(cfg).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String("arn:aws:iam::100000000002:role/reader"), RoleSessionName: aws.String("me"), WebIdentityToken: aws.String("token"),
	})
	if err == nil {
		if !web.Credentials.Expiration.Equal(noon.Add(time.Hour)) || !strings.HasPrefix(*web.Credentials.AccessKeyId, "ASIA") || len(*web.Credentials.SecretAccessKey) != 40 {
			t.Errorf("credentials %+v", web.Credentials)
		}
		web.Credentials = nil
	}
	shape(t, "AssumeRoleWithWebIdentity", web, err, `{"AssumedRoleUser": {"Arn": "arn:aws:sts::100000000002:assumed-role/reader/me", "AssumedRoleId": "AROAAWSSIM0000000000A:me"}}`)
	me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	shape(t, "GetCallerIdentity", me, err, `{"Account": "100000000001", "Arn": "arn:aws:iam::100000000001:user/awssim", "UserId": "AIDAAWSSIM0000000000A"}`)

	pools, err := cognito.ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(2)})
	if err == nil && pools.NextToken == nil {
		t.Error("no token after 2 of 3 pools")
	}
	if err == nil {
		pools.NextToken = nil
	}
	const dates = `"CreationDate": "2025-03-01T08:00:00Z", "LastModifiedDate": "2025-03-01T08:00:00Z"`
	shape(t, "ListUserPools", pools, err, `{"UserPools": [{"Id": "eu-west-1_Main00001", "Name": "main", "ReplicaRegions": ["eu-central-1", "eu-west-1"], `+dates+`},
		{"Id": "eu-west-1_Fresh0001", "Name": "fresh", `+dates+`}]}`)
	clients, err := cognito.ListUserPoolClients(ctx, &cognitoidentityprovider.ListUserPoolClientsInput{UserPoolId: id})
	shape(t, "ListUserPoolClients", clients, err, `{"UserPoolClients": [{"ClientId": "1main", "ClientName": "web", "UserPoolId": "eu-west-1_Main00001"}]}`)
	described, err := cognito.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String("eu-west-1_Fresh0001")})
	if err == nil {
		if n := len(described.UserPool.SchemaAttributes); n != 20 {
			t.Errorf("%d attributes", n)
		}
		described.UserPool.SchemaAttributes = nil
	}
	shape(t, "DescribeUserPool", described, err, `{"UserPool": {"Id": "eu-west-1_Fresh0001", "Name": "fresh", "UserPoolTier": "LITE", "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
		"Arn": "arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_Fresh0001", "MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE",
		"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]},
		"AdminCreateUserConfig": {"UnusedAccountValidityDays": 7}, "IssuerConfiguration": {"Type": "ORIGINAL"}, "KeyConfiguration": {"KeyType": "AWS_OWNED_KEY"},
		"Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": true, "TemporaryPasswordValidityDays": 7},
		"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}, "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"}, `+dates+`}}`)
	replicas, err := cognito.ListUserPoolReplicas(ctx, &cognitoidentityprovider.ListUserPoolReplicasInput{UserPoolId: id})
	shape(t, "ListUserPoolReplicas", replicas, err, `{"UserPoolReplicas": [
		{"RegionName": "eu-central-1", "Role": "SECONDARY", "Status": "INACTIVE", "UserPoolArn": "arn:aws:cognito-idp:eu-central-1:100000000001:userpool/eu-west-1_Main00001"},
		{"RegionName": "eu-west-1", "Role": "PRIMARY", "Status": "ACTIVE", "UserPoolArn": "arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_Main00001"}]}`)
	replicas, err = cognito.ListUserPoolReplicas(ctx, &cognitoidentityprovider.ListUserPoolReplicasInput{UserPoolId: aws.String("eu-west-1_Fresh0001")})
	shape(t, "ListUserPoolReplicas", replicas, err, `null`)
	mfa, err := cognito.GetUserPoolMfaConfig(ctx, &cognitoidentityprovider.GetUserPoolMfaConfigInput{UserPoolId: id})
	shape(t, "GetUserPoolMfaConfig", mfa, err, `{"MfaConfiguration": "OFF"}`)
	risk, err := cognito.DescribeRiskConfiguration(ctx, &cognitoidentityprovider.DescribeRiskConfigurationInput{UserPoolId: id, ClientId: aws.String("1main")})
	shape(t, "DescribeRiskConfiguration", risk, err, `{"RiskConfiguration": {"UserPoolId": "eu-west-1_Main00001", "ClientId": "1main"}}`)
	logs, err := cognito.GetLogDeliveryConfiguration(ctx, &cognitoidentityprovider.GetLogDeliveryConfigurationInput{UserPoolId: id})
	shape(t, "GetLogDeliveryConfiguration", logs, err, `{"LogDeliveryConfiguration": {"UserPoolId": "eu-west-1_Main00001"}}`)

	sending, err := ses.GetAccount(ctx, nil)
	shape(t, "GetAccount", sending, err, `{"DedicatedIpAutoWarmupEnabled": true, "EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": true, "SendingEnabled": true,
		"SendQuota": {"Max24HourSend": 50000, "MaxSendRate": 14, "SentLast24Hours": 10}, "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
		"PricingAttributes": {"CurrentPlan": "NONE"},
		"Details": {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.com", "ContactLanguage": "EN", "ReviewDetails": {"Status": "GRANTED", "CaseId": "000000000000"}}}`)
	identities, err := ses.ListEmailIdentities(ctx, nil)
	shape(t, "ListEmailIdentities", identities, err, `{"EmailIdentities": [
		{"IdentityName": "example.com", "IdentityType": "DOMAIN", "SendingEnabled": true, "VerificationStatus": "SUCCESS"},
		{"IdentityName": "pending.example.com", "IdentityType": "DOMAIN", "VerificationStatus": "PENDING"},
		{"IdentityName": "old.example.com", "IdentityType": "DOMAIN", "VerificationStatus": "FAILED"},
		{"IdentityName": "Box@example.org", "IdentityType": "EMAIL_ADDRESS", "SendingEnabled": true, "VerificationStatus": "SUCCESS"}]}`)
	const checked = `"LastCheckedTimestamp": "2026-03-01T12:00:00Z"`
	const easyDKIM = `"CurrentSigningKeyLength": "RSA_2048_BIT", "NextSigningKeyLength": "RSA_2048_BIT", "LastKeyGenerationTimestamp": "2025-03-01T08:00:00Z", "SigningAttributesOrigin": "AWS_SES"`
	for name, want := range map[string]string{
		"EXAMPLE.com": `{"IdentityType": "DOMAIN", "FeedbackForwardingStatus": true, "VerificationStatus": "SUCCESS", "VerifiedForSendingStatus": true,
			"DkimAttributes": {"Status": "SUCCESS", "SigningEnabled": true, ` + easyDKIM + `},
			"MailFromAttributes": {"MailFromDomain": "mail.example.com", "MailFromDomainStatus": "FAILED", "BehaviorOnMxFailure": "REJECT_MESSAGE"},
			"Policies": {"cognito": "{\"Version\":\"2012-10-17\",\"Statement\":[]}"}, "Tags": [{"Key": "team", "Value": "shop"}], "ConfigurationSetName": "login",
			"VerificationInfo": {` + checked + `, "LastSuccessTimestamp": "2026-03-01T12:00:00Z"}}`,
		"pending.example.com": `{"IdentityType": "DOMAIN", "FeedbackForwardingStatus": true, "VerificationStatus": "PENDING",
			"DkimAttributes": {"Status": "PENDING", "SigningEnabled": true, ` + easyDKIM + `}, "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
			"VerificationInfo": {` + checked + `, "ErrorType": "HOST_NOT_FOUND"}}`,
		"old.example.com": `{"IdentityType": "DOMAIN", "FeedbackForwardingStatus": true, "VerificationStatus": "FAILED", "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
			"DkimAttributes": {"Status": "NOT_STARTED", "SigningAttributesOrigin": "AWS_SES", "NextSigningKeyLength": "RSA_1024_BIT"}}`,
		"Box@example.org": `{"IdentityType": "EMAIL_ADDRESS", "FeedbackForwardingStatus": true, "VerificationStatus": "SUCCESS", "VerifiedForSendingStatus": true,
			"MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}, "DkimAttributes": {"Status": "NOT_STARTED", "SigningAttributesOrigin": "AWS_SES", "NextSigningKeyLength": "RSA_1024_BIT"}}`,
	} {
		out, err := ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &name})
		if err == nil {
			tokens := out.DkimAttributes.Tokens
			if n := len(tokens); out.DkimAttributes.SigningEnabled != (n == 3) || n == 3 && (len(tokens[0]) != 32 || tokens[0] == tokens[1]) {
				t.Errorf("%s: tokens %q", name, tokens)
			}
			out.DkimAttributes.Tokens = nil
		}
		shape(t, "GetEmailIdentity "+name, out, err, want)
	}
	for name, want := range map[string]string{"login": `{"SendingEnabled": true}`, "paused": `null`} {
		out, err := ses.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: &name})
		if err == nil && out.SendingOptions == nil {
			t.Errorf("%s has no SendingOptions", name)
		}
		if want = `"ConfigurationSetName": "` + name + `", "DeliveryOptions": {"TlsPolicy": "OPTIONAL"}, "SendingOptions": ` + want; strings.HasSuffix(want, "null") {
			want = strings.TrimSuffix(want, `, "SendingOptions": null`)
		}
		shape(t, "GetConfigurationSet", out, err, "{"+want+"}")
	}

	metrics, err := watch.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/SES"), RecentlyActive: cwtypes.RecentlyActivePt3h})
	shape(t, "ListMetrics", metrics, err, `{"Metrics": [{"Namespace": "AWS/SES", "MetricName": "Reputation.BounceRate"}, {"Namespace": "AWS/SES", "MetricName": "Reputation.ComplaintRate"}]}`)
	data, err := watch.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon, MetricDataQueries: []cwtypes.MetricDataQuery{
		{Id: aws.String("a"), MetricStat: bounces("p50", 1800)},
		{Id: aws.String("b"), Label: aws.String("named"), MetricStat: bounces("SampleCount", 3600)},
		{Id: aws.String("c"), MetricStat: bounces("Sum", 3600), ReturnData: aws.Bool(false)},
	}})
	shape(t, "GetMetricData", data, err, `{"MetricDataResults": [
		{"Id": "a", "Label": "Reputation.BounceRate", "StatusCode": "Complete", "Timestamps": ["2026-03-01T11:30:00Z", "2026-03-01T11:00:00Z"], "Values": [0.25, 0.25]},
		{"Id": "b", "Label": "named", "StatusCode": "Complete", "Timestamps": ["2026-03-01T11:00:00Z"], "Values": [12]}]}`)
	statistics, err := watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/SES"), MetricName: aws.String("Reputation.BounceRate"), StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon, Period: aws.Int32(3600),
		Statistics: []cwtypes.Statistic{"Sum", "Maximum"},
	})
	shape(t, "GetMetricStatistics", statistics, err, `{"Label": "Reputation.BounceRate", "Datapoints": [{"Timestamp": "2026-03-01T11:00:00Z", "Unit": "None", "Sum": 3, "Maximum": 0.25}]}`)

	for unit, want := range map[cwtypes.StandardUnit]int{"None": 1440, "Count": 0} {
		out, err := watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/SES"), MetricName: aws.String("Reputation.BounceRate"), StartTime: aws.Time(noon.Add(-1440 * 5 * time.Minute)), EndTime: &noon, Period: aws.Int32(300),
			ExtendedStatistics: []string{"p50"}, Unit: unit,
		})
		if err != nil || len(out.Datapoints) != want {
			t.Errorf("%v points in the unit %s, %v", out, unit, err)
		}
	}

	// All of time is no more than what AWS keeps.
	always, err := watch.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/SES"), MetricName: aws.String("Reputation.BounceRate"), StartTime: aws.Time(time.Unix(0, 0)), EndTime: aws.Time(noon.AddDate(900, 0, 0)),
		Period: aws.Int32(86400 * 365), Statistics: []cwtypes.Statistic{"SampleCount"},
	})
	count := 0.0
	if err == nil {
		for _, p := range always.Datapoints {
			count += *p.SampleCount
		}
	}
	if count != 455*24*12+1 {
		t.Errorf("%v values, %v", count, err)
	}
	sent, err := sesv1.NewFromConfig(cfg).GetSendStatistics(ctx, nil)
	if err == nil && len(sent.SendDataPoints) > 0 {
		sent.SendDataPoints = sent.SendDataPoints[:1]
	}
	shape(t, "GetSendStatistics", sent, err, `{"SendDataPoints": [{"Timestamp": "2026-03-01T11:45:00Z", "DeliveryAttempts": 1}]}`)
	insights, err := cloudtrail.NewFromConfig(cfg).LookupEvents(ctx, &cloudtrail.LookupEventsInput{EventCategory: "insight"})
	shape(t, "LookupEvents", insights, err, `null`)
	events, err := cloudtrail.NewFromConfig(cfg).LookupEvents(ctx, &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(1), StartTime: aws.Time(noon.Add(-time.Hour))})
	if err == nil && len(events.Events) == 1 {
		e := &events.Events[0]
		if e.EventId == nil || e.EventTime.After(noon) || !json.Valid([]byte(*e.CloudTrailEvent)) || events.NextToken == nil {
			t.Errorf("event %+v", e)
		}
		events.NextToken, e.EventId, e.EventTime, e.CloudTrailEvent = nil, nil, nil, nil
	}
	shape(t, "LookupEvents", events, err, `{"Events": [{"EventName": "SignUp", "EventSource": "cognito-idp.amazonaws.com", "ReadOnly": "false"}]}`)
	accounts, err := organizations.NewFromConfig(cfg).ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: aws.Int32(1)})
	if err == nil {
		accounts.NextToken = nil
	}
	shape(t, "ListAccounts", accounts, err, `{"Accounts": [{"Id": "100000000001", "Name": "main", "Email": "aws+100000000001@example.com", "State": "ACTIVE", "Status": "ACTIVE",
		"Arn": "arn:aws:organizations::100000000001:account/o-awssim0000/100000000001", "JoinedMethod": "CREATED", "JoinedTimestamp": "2025-03-01T08:00:00Z"}]}`)
	orgs := organizations.NewFromConfig(cfg)
	roots, err := orgs.ListRoots(ctx, nil)
	shape(t, "ListRoots", roots, err, `{"Roots": [{"Id": "r-awss", "Name": "Root", "Arn": "arn:aws:organizations::100000000001:root/o-awssim0000/r-awss"}]}`)
	units, err := orgs.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: aws.String("r-awss")})
	shape(t, "ListOrganizationalUnitsForParent", units, err, `{"OrganizationalUnits": [
		{"Id": "ou-awss-c6c094bc", "Name": "Empty", "Arn": "arn:aws:organizations::100000000001:ou/o-awssim0000/ou-awss-c6c094bc"},
		{"Id": "ou-awss-84bd9e2a", "Name": "Workloads", "Arn": "arn:aws:organizations::100000000001:ou/o-awssim0000/ou-awss-84bd9e2a"}]}`)
	inRoot, err := orgs.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: aws.String("r-awss"), MaxResults: aws.Int32(1)})
	if err == nil {
		inRoot.NextToken = nil
	}
	shape(t, "ListAccountsForParent", inRoot, err, `{"Accounts": [{"Id": "100000000001", "Name": "main", "Email": "aws+100000000001@example.com", "State": "ACTIVE", "Status": "ACTIVE",
		"Arn": "arn:aws:organizations::100000000001:account/o-awssim0000/100000000001", "JoinedMethod": "CREATED", "JoinedTimestamp": "2025-03-01T08:00:00Z"}]}`)
	parents, err := orgs.ListParents(ctx, &organizations.ListParentsInput{ChildId: aws.String("100000000001")})
	shape(t, "ListParents", parents, err, `{"Parents": [{"Id": "r-awss", "Type": "ROOT"}]}`)
	tags, err := orgs.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: aws.String("100000000002")})
	shape(t, "ListTagsForResource", tags, err, `{"Tags": [{"Key": "env", "Value": "prod"}, {"Key": "team", "Value": "shop"}]}`)
	regions, err := account.NewFromConfig(cfg).ListRegions(ctx, &account.ListRegionsInput{MaxResults: aws.Int32(1), RegionOptStatusContains: []accounttypes.RegionOptStatus{"DISABLED"}})
	if err == nil {
		regions.NextToken = nil
	}
	shape(t, "ListRegions", regions, err, `{"Regions": [{"RegionName": "af-south-1", "RegionOptStatus": "DISABLED"}]}`)

	// What the module has no SDK for.
	if w := post(t, sim, "iam", "/", "", "Action=ListAccountAliases&Version=2010-05-08"); w.Code != 200 ||
		!strings.Contains(w.Body.String(), "<AccountAliases><member>acme</member></AccountAliases><IsTruncated>false</IsTruncated>") {
		t.Errorf("ListAccountAliases: %d %s", w.Code, w.Body)
	}
	w := post(t, sim, "tagging", "/", "ResourceGroupsTaggingAPI_20170126.GetResources",
		`{"ResourceTypeFilters": ["cognito-idp:userpool"], "TagFilters": [{"Key": "env", "Values": ["prod"]}]}`)
	if want := `{"PaginationToken":"","ResourceTagMappingList":[{"ResourceARN":"arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_Main00001",` +
		`"Tags":[{"Key":"env","Value":"prod"},{"Key":"team","Value":"shop"}]}]}`; w.Code != 200 || w.Body.String() != want {
		t.Errorf("GetResources: %d %s", w.Code, w.Body)
	}

	_, err = cognito.UpdateUserPool(ctx, &cognitoidentityprovider.UpdateUserPoolInput{UserPoolId: aws.String("eu-west-1_Fresh0001")})
	if err != nil {
		t.Errorf("UpdateUserPool: %v", err)
	}

	var called []string
	for _, c := range sim.Calls() {
		if c.Errors > 0 {
			t.Errorf("%+v", c)
		}
		called = append(called, c.Service+" "+c.Operation)
	}
	for service, names := range awssim.Operations() {
		for _, name := range names {
			if !slices.Contains(called, service+" "+name) {
				t.Errorf("%s %s is not tested", service, name)
			}
		}
	}
}

func bounces(stat string, period int32) *cwtypes.MetricStat {
	return &cwtypes.MetricStat{Metric: &cwtypes.Metric{Namespace: aws.String("AWS/SES"), MetricName: aws.String("Reputation.BounceRate")}, Period: &period, Stat: &stat}
}

// TestSignInAndRecovery checks what the fleet says of sign-in and recovery, on
// both sides of a replica.
func TestSignInAndRecovery(t *testing.T) {
	_, cfg := start(t, awssim.Options{NoQuotas: true, Fleet: parse(t, `
accounts:
- id: "100000000001"
  regions:
    eu-west-1:
      pools:
      - {id: eu-west-1_a, name: codes, mode: DEVELOPER, recovery: [admin_only, verified_email], mfa: ON, email_mfa: true, first_factors: [PASSWORD, EMAIL_OTP], log_delivery: [userNotification]}
      - {id: eu-west-1_b, name: app, recovery: [], mfa: OPTIONAL}
      - {id: eu-west-1_c, name: template, email_mfa: true}
    eu-central-1:
      pools: [{id: eu-west-1_a, name: other, recovery: [verified_email], mfa: OFF}]
`)})
	for _, tt := range []struct {
		region, id, recovery, factors, mfa string
		email                              bool // there is a template of e-mails
	}{
		{
			"eu-west-1", "eu-west-1_a", `{"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}, {"Name": "verified_email", "Priority": 2}]}`,
			`["PASSWORD", "EMAIL_OTP"]`, `{"MfaConfiguration": "ON"}`, true,
		},
		{
			"eu-central-1", "eu-west-1_a", `{"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}, {"Name": "verified_email", "Priority": 2}]}`,
			`["PASSWORD", "EMAIL_OTP"]`, `{"MfaConfiguration": "ON"}`, true,
		},
		{"eu-west-1", "eu-west-1_b", `null`, `["PASSWORD"]`, `{"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}}`, false},
		{
			"eu-west-1", "eu-west-1_c", `{"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]}`,
			`["PASSWORD"]`, `{"MfaConfiguration": "OFF"}`, true,
		},
	} {
		cognito := cognitoidentityprovider.NewFromConfig(in(cfg, tt.region))
		out, err := cognito.DescribeUserPool(t.Context(), &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String(tt.id)})
		if err != nil {
			t.Fatal(err)
		}
		shape(t, tt.id+" recovery", out.UserPool.AccountRecoverySetting, nil, tt.recovery)
		shape(t, tt.id+" factors", out.UserPool.Policies.SignInPolicy.AllowedFirstAuthFactors, nil, tt.factors)
		logs, err := cognito.GetLogDeliveryConfiguration(t.Context(), &cognitoidentityprovider.GetLogDeliveryConfigurationInput{UserPoolId: aws.String(tt.id)})
		want := `{"LogDeliveryConfiguration": {"UserPoolId": "` + tt.id + `"}}`
		if tt.region == "eu-west-1" && tt.id == "eu-west-1_a" { // It is a region's own.
			want = `{"LogDeliveryConfiguration": {"UserPoolId": "eu-west-1_a", "LogConfigurations": [{"EventSource": "userNotification", "LogLevel": "ERROR",
				"CloudWatchLogsConfiguration": {"LogGroupArn": "arn:aws:logs:eu-west-1:100000000001:log-group:/aws/vendedlogs/eu-west-1_a"}}]}}`
		}
		shape(t, tt.id+" logs", logs, err, want)
		mfa, err := cognito.GetUserPoolMfaConfig(t.Context(), &cognitoidentityprovider.GetUserPoolMfaConfigInput{UserPoolId: aws.String(tt.id)})
		shape(t, tt.id+" MFA", mfa, err, tt.mfa)
		if mfa != nil && (mfa.MfaConfiguration != out.UserPool.MfaConfiguration || (mfa.EmailMfaConfiguration != nil) != tt.email) {
			t.Errorf("%s: %+v, DescribeUserPool says %s", tt.id, mfa, out.UserPool.MfaConfiguration)
		}
	}
}

// TestSendStatistics sums the points of each day, at any time of it, and asks
// for them as the command line does.
func TestSendStatistics(t *testing.T) {
	now := noon.Add(7 * time.Minute)
	sim, cfg := start(t, awssim.Options{NoQuotas: true, Now: func() time.Time { return now }, Fleet: parse(t, `
accounts:
- id: "100000000001"
  regions: {eu-west-1: {ses: {sent_last_24_hours: 1001, bounces: 50, complaints: 3, rejects: 1}}}
`)})
	client := sesv1.NewFromConfig(in(cfg, "eu-west-1"))
	for range 5 {
		out, err := client.GetSendStatistics(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		days := map[int][4]int64{}
		for _, p := range out.SendDataPoints {
			if p.Timestamp.After(now) || p.Timestamp.Unix()%900 != 0 {
				t.Errorf("a point at %s", p.Timestamp)
			}
			d := days[int(now.Sub(*p.Timestamp)/(24*time.Hour))]
			for i, n := range []int64{p.DeliveryAttempts, p.Bounces, p.Complaints, p.Rejects} {
				d[i] += n
			}
			days[int(now.Sub(*p.Timestamp)/(24*time.Hour))] = d
		}
		for n := range 14 {
			if days[n] != [4]int64{1001, 50, 3, 1} {
				t.Errorf("%s, %d days before: %v", now, n, days[n])
			}
		}
		if len(days) != 14 {
			t.Errorf("%d days", len(days))
		}
		now = now.Add(5 * time.Hour)
	}
	if out, err := sesv1.NewFromConfig(in(cfg, "us-east-1")).GetSendStatistics(t.Context(), nil); err != nil || len(out.SendDataPoints) > 0 {
		t.Errorf("where nothing was sent: %+v, %v", out, err)
	}
	w := post(t, sim, "email", "/", "", "Action=GetSendStatistics&Version=2010-12-01")
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), `<GetSendStatisticsResponse xmlns="http://ses.amazonaws.com/doc/2010-12-01/"><GetSendStatisticsResult><SendDataPoints><member><Bounces>`) {
		t.Errorf("%d %.300s", w.Code, w.Body)
	}
}

// TestReplica checks a pool that is in two regions, and one of before there
// was EmailSendingAccount.
func TestReplica(t *testing.T) {
	sim, cfg := startEverything(t)
	central := cognitoidentityprovider.NewFromConfig(in(cfg, "eu-central-1"))
	pools, err := central.ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(60)})
	shape(t, "ListUserPools", pools, err, `{"UserPools": [{"Id": "eu-west-1_Main00001", "Name": "main", "ReplicaRegions": ["eu-central-1", "eu-west-1"],
		"LambdaConfig": {"CustomEmailSender": {"LambdaArn": "arn:aws:lambda:eu-central-1:100000000001:function:sender", "LambdaVersion": "V1_0"},
		"KMSKeyID": "arn:aws:kms:eu-central-1:100000000001:key/00000000-0000-4000-8000-000000000000"},
		"CreationDate": "2025-03-01T08:00:00Z", "LastModifiedDate": "2025-03-01T08:00:00Z"}]}`)
	for region, want := range map[string]string{
		"eu-central-1": `{"EmailSendingAccount": "COGNITO_DEFAULT"}`,
		"eu-west-1": `{"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "From": "Acme <no-reply@example.com>",
			"ReplyToEmailAddress": "help@example.com", "ConfigurationSet": "login"}`,
	} {
		out, err := cognitoidentityprovider.NewFromConfig(in(cfg, region)).DescribeUserPool(t.Context(), &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String("eu-west-1_Main00001")})
		if err != nil {
			t.Fatal(err)
		}
		shape(t, region, out.UserPool.EmailConfiguration, err, want)
		if up := out.UserPool; *up.Arn != "arn:aws:cognito-idp:"+region+":100000000001:userpool/eu-west-1_Main00001" || up.IssuerConfiguration.Type != "UPDATED" ||
			up.KeyConfiguration.KeyType != "CUSTOMER_MANAGED_KEY" || *up.Name != "main" || up.AutoVerifiedAttributes[0] != "email" {
			t.Errorf("%s: %+v", region, up)
		}
	}
	if w := post(t, sim, "cognito-idp", "/", "AWSCognitoIdentityProviderService.DescribeUserPool", `{"UserPoolId": "eu-west-1_Old000001"}`); !strings.Contains(w.Body.String(), `"EmailConfiguration":{}`) {
		t.Errorf("an old pool: %s", w.Body)
	}
	if len(sim.Truth()) != 1 {
		t.Errorf("truth %+v", sim.Truth())
	}
	// A new fleet dates the replica by itself.
	f := parse(t, strings.Replace(everything, "mode: COGNITO_DEFAULT, custom_sender", "mode: ABSENT, custom_sender", 1))
	if err := sim.SetFleet(f); err != nil {
		t.Fatal(err)
	}
	regions := f.Accounts[0].Regions
	if !regions["eu-central-1"].Pools[0].Modified.Equal(noon) || regions["eu-west-1"].Pools[0].Modified.Equal(noon) {
		t.Errorf("modified %s and %s", regions["eu-central-1"].Pools[0].Modified, regions["eu-west-1"].Pools[0].Modified)
	}
}

// TestReplace has answers with other values than the fleet's, some of which no
// number or time has.
func TestReplace(t *testing.T) {
	sim, cfg := startEverything(t)
	describe := func(id string) *cognitoidentityprovider.DescribeUserPoolOutput {
		t.Helper()
		out, err := cognitoidentityprovider.NewFromConfig(cfg).DescribeUserPool(t.Context(), &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String(id)})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	replace := func(resource, field string, value any) {
		t.Helper()
		if err := sim.SetFaults([]awssim.Fault{{Kind: "replace", Resource: resource, Field: field, Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	replace("eu-west-1_Main00001", "EmailSendingAccount", "PIGEON")
	if out := describe("eu-west-1_Main00001"); out.UserPool.EmailConfiguration.EmailSendingAccount != "PIGEON" || *out.UserPool.EmailConfiguration.SourceArn == "PIGEON" {
		t.Errorf("%+v", out.UserPool.EmailConfiguration)
	}
	if out := describe("eu-west-1_Fresh0001"); out.UserPool.EmailConfiguration.EmailSendingAccount != "COGNITO_DEFAULT" {
		t.Errorf("another pool: %+v", out.UserPool.EmailConfiguration)
	}
	if sim.Calls()[0].Errors != 0 {
		t.Errorf("%+v", sim.Calls())
	}
	for value, want := range map[any]string{
		"NaN": `"Max24HourSend":"NaN"`, "Infinity": `"Max24HourSend":"Infinity"`, "-Infinity": `"Max24HourSend":"-Infinity"`,
		nil: `"Max24HourSend":null`, -7: `"Max24HourSend":-7.0`, 0.5: `"Max24HourSend":0.5`, "many": `"Max24HourSend":"many"`, true: `"Max24HourSend":true`,
	} {
		replace("", "Max24HourSend", value)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v2/email/account", nil)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=00")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"MaxSendRate":14.0`) {
			t.Errorf("%v: %s, want %s", value, w.Body, want)
		}
	}
	watch := cloudwatch.NewFromConfig(cfg)
	read := func() cwtypes.MetricDataResult {
		t.Helper()
		out, err := watch.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(noon.Add(-2 * time.Hour)), EndTime: aws.Time(noon),
			MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("m"), MetricStat: bounces("Average", 3600)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.MetricDataResults[0]
	}
	replace("", "Values", "NaN")
	if got := read(); len(got.Values) != 2 || !math.IsNaN(got.Values[0]) || !math.IsNaN(got.Values[1]) {
		t.Errorf("%+v", got)
	}
	replace("", "Timestamps", -62135596800)
	if got := read(); len(got.Timestamps) != 2 || got.Timestamps[0].Year() != 1 || got.Values[0] != 0.25 {
		t.Errorf("%+v", got)
	}
	replace("", "NextToken", nil)
	read()
}

// TestCompleteAgain checks, under the race detector, that a fleet that is
// served can be given to another server.
func TestCompleteAgain(t *testing.T) {
	sim, cfg := startEverything(t)
	done := make(chan error)
	go func() {
		_, err := awssim.New(awssim.Options{Fleet: sim.Fleet()})
		done <- err
	}()
	for range 20 {
		if _, err := cognitoidentityprovider.NewFromConfig(in(cfg, "eu-central-1")).ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)}); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestRefusals sends wrong requests as other clients may do. No refusal is
// without a message.
func TestRefusals(t *testing.T) {
	sim, cfg := startEverything(t)
	const (
		cognito      = "AWSCognitoIdentityProviderService."
		organization = "AWSOrganizationsV20161128."
		watch        = "GraniteServiceVersion20100801."
		trail        = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
		times        = `"StartTime": 1772366400, "EndTime": 1772370000`
		metric       = `"Namespace": "AWS/SES", "MetricName": "Reputation.BounceRate", `
		stat         = `"MetricStat": {"Metric": {` + metric + `"Dimensions": []}, "Period": 60, "Stat": "Sum"}`
	)
	for _, tt := range []struct {
		service, target, body string
		status                int
		code, message         string
	}{
		{"cognito-idp", cognito + "ListUserPools", `{}`, 400, "InvalidParameterException", "Value null at 'maxResults' failed to satisfy constraint: Member must not be null"},
		{"cognito-idp", cognito + "ListUserPools", `{"MaxResults": 0}`, 400, "InvalidParameterException", "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"cognito-idp", cognito + "ListUserPools", `{"MaxResults": 61}`, 400, "InvalidParameterException", "less than or equal to 60"},
		{"cognito-idp", cognito + "ListUserPools", `{"MaxResults": "60"}`, 400, "SerializationException", "MaxResults"},
		{"cognito-idp", cognito + "ListUserPools", `{"MaxResults": 1.5}`, 400, "SerializationException", "MaxResults"},
		{"cognito-idp", cognito + "ListUserPools", `{"MaxResults": 1, "NextToken": "bm9uc2Vuc2U"}`, 400, "InvalidParameterException", "NextToken is invalid"},
		{"cognito-idp", cognito + "ListUserPools", `{`, 400, "SerializationException", "unexpected end"},
		{"cognito-idp", cognito + "ListUserPoolClients", `{"UserPoolId": "eu-west-1_Main00001", "MaxResults": 61}`, 400, "InvalidParameterException", "less than or equal to 60"},
		{"cognito-idp", cognito + "DescribeUserPool", `null`, 400, "InvalidParameterException", "Value null at 'userPoolId'"},
		{"cognito-idp", cognito + "DescribeUserPool", `{"UserPoolId": 5}`, 400, "SerializationException", "UserPoolId"},
		{"cognito-idp", cognito + "DescribeUserPool", `{"UserPoolId": "none"}`, 400, "InvalidParameterException", `pattern: [\w-]+_[0-9a-zA-Z]+`},
		{"cognito-idp", cognito + "DescribeUserPool", `{"UserPoolId": "eu-west-1_` + strings.Repeat("a", 46) + `"}`, 400, "InvalidParameterException", "length less than or equal to 55"},
		{"cognito-idp", cognito + "DescribeUserPool", `{"UserPoolId": "eu-west-1_none"}`, 400, "ResourceNotFoundException", "User pool eu-west-1_none does not exist."},
		{"cognito-idp", cognito + "DescribeRiskConfiguration", `{"UserPoolId": "eu-west-1_Main00001", "ClientId": "none"}`, 400, "ResourceNotFoundException", "client none does not exist"},
		{"cognito-idp", cognito + "DeleteUserPool", `{"UserPoolId": "eu-west-1_Main00001"}`, 400, "UnknownOperationException", `"DeleteUserPool" is not valid`},
		{"dynamodb", "DynamoDB_20120810.ListTables", `{}`, 400, "UnknownOperationException", `"ListTables" is not valid`},
		{"dynamodb", ".ListTables", `{}`, 400, "UnknownOperationException", `"ListTables" is not valid`},
		{"dynamodb", "ListTables", `{}`, 400, "UnknownOperationException", `"ListTables" is not valid`},
		{"", cognito + "ListUserPools", `{}`, 400, "MissingAuthenticationTokenException", "missing Authentication Token"},
		{"cloudtrail", trail + "LookupEvents", `{"MaxResults": 51}`, 400, "InvalidMaxResultsException", "less than or equal to 50"},
		{"cloudtrail", trail + "LookupEvents", `{"StartTime": 1772370000, "EndTime": 1772366400}`, 400, "InvalidTimeRangeException", "start time"},
		{"cloudtrail", trail + "LookupEvents", `{"LookupAttributes": [{}, {}]}`, 400, "InvalidLookupAttributesException", "only one"},
		{"cloudtrail", trail + "LookupEvents", `{"LookupAttributes": [{"AttributeKey": "Colour", "AttributeValue": "x"}]}`, 400, "InvalidLookupAttributesException", "Colour"},
		{"cloudtrail", trail + "LookupEvents", `{"NextToken": "x"}`, 400, "InvalidNextTokenException", "NextToken"},
		{"cloudtrail", trail + "LookupEvents", `{"EventCategory": "odd"}`, 400, "InvalidEventCategoryException", "odd"},
		{"organizations", organization + "ListAccounts", `{"MaxResults": 21}`, 400, "InvalidInputException", "less than or equal to 20"},
		{"organizations", organization + "ListAccountsForParent", `{}`, 400, "InvalidInputException", "Value null at 'parentId'"},
		{"organizations", organization + "ListAccountsForParent", `{"ParentId": "100000000001"}`, 400, "InvalidInputException", "regular expression"},
		{"organizations", organization + "ListOrganizationalUnitsForParent", `{"ParentId": "r-other"}`, 400, "ParentNotFoundException", "parent that doesn't exist"},
		{"organizations", organization + "ListParents", `{}`, 400, "InvalidInputException", "Value null at 'childId'"},
		{"organizations", organization + "ListParents", `{"ChildId": "r-awss"}`, 400, "InvalidInputException", "regular expression"},
		{"organizations", organization + "ListParents", `{"ChildId": "100000000009"}`, 400, "ChildNotFoundException", "child that doesn't exist"},
		{"organizations", organization + "ListTagsForResource", `{"ResourceId": "ou-awss-00000000"}`, 400, "TargetNotFoundException", "target that doesn't exist"},
		{"tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", `{"ResourcesPerPage": 101}`, 400, "InvalidParameterException", "less than or equal to 100"},
		{"tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", `{"PaginationToken": "x"}`, 400, "PaginationTokenExpiredException", "PaginationToken"},
		{"monitoring", watch + "ListMetrics", `{"RecentlyActive": "PT1H"}`, 400, "InvalidParameterValue", "PT3H"},
		{"monitoring", watch + "ListMetrics", `{"NextToken": "x"}`, 400, "InvalidParameterValue", "NextToken"},
		{"monitoring", watch + "GetMetricStatistics", `{` + times + `}`, 400, "MissingParameter", "Namespace is required"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + `"Period": 60, "Statistics": ["Sum"]}`, 400, "MissingParameter", "are required"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Statistics": ["Sum"]}`, 400, "MissingParameter", "Period is required"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Period": 90, "Statistics": ["Sum"]}`, 400, "InvalidParameterValue", "Period"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + `"StartTime": 2, "EndTime": 2, "Period": 60, "Statistics": ["Sum"]}`, 400, "InvalidParameterValue", "StartTime must be less than"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + `"StartTime": 0, "EndTime": 86460, "Period": 60, "Statistics": ["Sum"]}`, 400, "InvalidParameterCombination", "requested up to 1441 datapoints, which exceeds the limit of 1440."},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Period": 60}`, 400, "InvalidParameterCombination", "must be specified"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Period": 60, "Statistics": ["Sum"], "ExtendedStatistics": ["p9"]}`, 400, "InvalidParameterCombination", "together"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Period": 60, "Statistics": ["p99"]}`, 400, "InvalidParameterValue", "p99"},
		{"monitoring", watch + "GetMetricStatistics", `{` + metric + times + `, "Period": 60, "ExtendedStatistics": ["Sum"]}`, 400, "InvalidParameterValue", "Sum"},
		{"monitoring", watch + "GetMetricData", `{"MetricDataQueries": [{"Id": "a", ` + stat + `}]}`, 400, "ValidationError", "are required"},
		{"monitoring", watch + "GetMetricData", `{` + times + `}`, 400, "ValidationError", "MetricDataQueries"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "MetricDataQueries": [{"Id": "1", ` + stat + `}]}`, 400, "ValidationError", "The value 1 for parameter id"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "MetricDataQueries": [{"Id": "a", ` + stat + `}, {"Id": "a", ` + stat + `}]}`, 400, "ValidationError", "not unique"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "MetricDataQueries": [{"Id": "a", "Expression": "m1*2"}]}`, 400, "ValidationError", "expressions are not simulated"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "MetricDataQueries": [{"Id": "a", ` + strings.Replace(stat, "Sum", "Median", 1) + `}]}`, 400, "ValidationError", "Median"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "MaxDatapoints": 100801, "MetricDataQueries": [{"Id": "a", ` + stat + `}]}`, 400, "ValidationError", "Value '100801' at 'maxDatapoints'"},
		{"monitoring", watch + "GetMetricData", `{` + times + `, "NextToken": "x", "MetricDataQueries": [{"Id": "a", ` + stat + `}]}`, 400, "InvalidNextToken", "NextToken"},
	} {
		w := post(t, sim, tt.service, "/", tt.target, tt.body)
		var e struct{ Type, Message string }
		if err := json.Unmarshal([]byte(strings.Replace(w.Body.String(), `"__type"`, `"type"`, 1)), &e); err != nil {
			t.Fatal(err)
		}
		code := w.Header().Get("X-Amzn-Errortype")
		if tt.service == "monitoring" {
			if e.Type != "com.amazonaws.cloudwatch#"+code {
				t.Errorf("%s %s: type %s, %s in the header", tt.target, tt.body, e.Type, code)
			}
			code = strings.TrimSuffix(w.Header().Get("X-Amzn-Query-Error"), ";Sender")
		} else if e.Type != code {
			t.Errorf("%s %s: type %s, %s in the header", tt.target, tt.body, e.Type, code)
		}
		if w.Code != tt.status || code != tt.code || !strings.Contains(e.Message, tt.message) {
			t.Errorf("%s %s: %d %s %s, want %d %s %s", tt.target, tt.body, w.Code, code, e.Message, tt.status, tt.code, tt.message)
		}
	}
	// In CBOR, which the SDK speaks.
	watchClient := cloudwatch.NewFromConfig(cfg)
	for want, change := range map[string]func(*cloudwatch.GetMetricStatisticsInput){
		"<nil>":                       func(*cloudwatch.GetMetricStatisticsInput) {},
		"InvalidParameterValue":       func(in *cloudwatch.GetMetricStatisticsInput) { in.EndTime = in.StartTime },
		"InvalidParameterCombination": func(in *cloudwatch.GetMetricStatisticsInput) { in.ExtendedStatistics = []string{"p50"} },
	} {
		in := &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/SES"), MetricName: aws.String("Reputation.BounceRate"), StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon,
			Period: aws.Int32(60), Statistics: []cwtypes.Statistic{"Sum"},
		}
		change(in)
		if _, err := watchClient.GetMetricStatistics(t.Context(), in); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, tt := range []struct {
		service, path, body string
		status              int
		want                string
	}{
		{"ses", "/v2/email/list-identities", `{"PageSize": 1001}`, 400, "BadRequestException less than or equal to 1000"},
		{"ses", "/v2/email/list-identities", `{"PageSize": 1, "NextToken": "x"}`, 400, "BadRequestException NextToken"},
		{"ses", "/v2/email/list-identities", `{"Filter": {"IDENTITY_TYPE": "DOMAIN"}}`, 400, "BadRequestException Filter is not simulated"},
		{"ses", "/v2/email/nothing", `{}`, 404, "UnknownOperationException method and path"},
		{"account", "/listRegions", `{"MaxResults": 51}`, 400, "ValidationException less than or equal to 50"},
		{"account", "/listRegions", `{"AccountId": "100000000002"}`, 400, "ValidationException AccountId is not simulated"},
		{"", "/v2/email/list-identities", `{}`, 403, "MissingAuthenticationTokenException missing"},
	} {
		w := post(t, sim, tt.service, tt.path, "", tt.body)
		code, message, _ := strings.Cut(tt.want, " ")
		if w.Code != tt.status || w.Header().Get("X-Amzn-Errortype") != code || !strings.Contains(w.Body.String(), message) || strings.Contains(w.Body.String(), "__type") {
			t.Errorf("%s %s: %d %s %s, want %d %s", tt.path, tt.body, w.Code, w.Header().Get("X-Amzn-Errortype"), w.Body, tt.status, tt.want)
		}
	}
	for _, tt := range []struct {
		service, body string
		status        int
		want          string
	}{
		{"monitoring", "Action=ListMetrics&Version=2010-08-01&Namespace=AWS%2FSES&Dimensions.member.1.Name=x", 200, "<Metrics></Metrics>"},
		{"monitoring", "Action=ListMetrics&Version=2010-08-01&MetricName=Reputation.BounceRate", 200, "<member><Dimensions></Dimensions><MetricName>Reputation.BounceRate</MetricName><Namespace>AWS/SES</Namespace></member>"},
		{
			"monitoring", "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FSES&MetricName=Reputation.BounceRate&StartTime=2026-03-01T11:00:00Z&EndTime=2026-03-01T12:00:00Z&Period=3600&ExtendedStatistics.member.1=p99.9",
			200, "<ExtendedStatistics><entry><key>p99.9</key><value>0.25</value></entry></ExtendedStatistics><Timestamp>2026-03-01T11:00:00Z</Timestamp><Unit>None</Unit>",
		},
		{
			"monitoring", "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FSES&MetricName=Reputation.BounceRate&StartTime=2026-03-01T11:00:00Z&EndTime=2026-03-01T12:00:00Z&Period=3600",
			400, "<Code>InvalidParameterCombination</Code>",
		},
		{"sts", "Action=GetCallerIdentity&Version=2011-06-15", 200, "<Account>100000000001</Account>"},
		{"sts", "Action=Nonsense&Version=2011-06-15", 400, "<Code>InvalidAction</Code><Message>The action &#34;Nonsense&#34;"},
		{"sts", "Action=AssumeRole&Version=2011-06-15", 400, "<Code>ValidationError</Code><Message>1 validation error detected: Value null at &#39;roleArn&#39;"},
		{"sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::100000000002:role/a&RoleSessionName=a!&DurationSeconds=900", 400, "<Code>ValidationError</Code><Message>1 validation error detected: Value &#39;a!&#39; at &#39;roleSessionName&#39;"},
		{"sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::100000000002:role/a&RoleSessionName=aa&DurationSeconds=many", 400, "<Code>MalformedInput</Code>"},
		{"ec2", "Action=DescribeRegions&Version=2016-11-15", 400, "<Code>InvalidAction</Code>"},
		{"", "Action=GetCallerIdentity&Version=2011-06-15", 403, "<Code>MissingAuthenticationToken</Code><Message>Request is missing"},
	} {
		if w := post(t, sim, tt.service, "/", "", tt.body); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.body, w.Code, w.Body, tt.status, tt.want)
		}
	}
}

// TestMessages checks that no refusal of a fault is without a message, in any service.
func TestMessages(t *testing.T) {
	sim, cfg := startEverything(t)
	calls := map[string]func() error{
		"cognito-idp": func() error {
			_, err := cognitoidentityprovider.NewFromConfig(cfg).ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)})
			return err
		},
		"sesv2":         func() error { _, err := sesv2.NewFromConfig(cfg).GetAccount(t.Context(), nil); return err },
		"cloudwatch":    func() error { _, err := cloudwatch.NewFromConfig(cfg).ListMetrics(t.Context(), nil); return err },
		"cloudtrail":    func() error { _, err := cloudtrail.NewFromConfig(cfg).LookupEvents(t.Context(), nil); return err },
		"organizations": func() error { _, err := organizations.NewFromConfig(cfg).ListAccounts(t.Context(), nil); return err },
		"account":       func() error { _, err := account.NewFromConfig(cfg).ListRegions(t.Context(), nil); return err },
		"sts":           func() error { _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil); return err },
	}
	for _, kind := range []string{"throttle", "deny", "error500", "expired_token", "region_disabled"} {
		if err := sim.SetFaults([]awssim.Fault{{Kind: kind}}); err != nil {
			t.Fatal(err)
		}
		for service, call := range calls {
			var api smithy.APIError
			if err := call(); !errors.As(err, &api) || api.ErrorCode() == "" || api.ErrorMessage() == "" {
				t.Errorf("%s of %s: %v", kind, service, err)
			}
		}
	}
}

// TestStatistics checks the arithmetic of statistics by hand: 1 to 10 in one period.
func TestStatistics(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for name, want := range map[string]float64{
		"Average": 5.5, "Sum": 55, "SampleCount": 10, "Minimum": 1, "Maximum": 10,
		"p0": 1, "p10": 1, "p11": 2, "p50": 5, "p99.9": 10, "p100": 10,
		"tm90": 5, "TM(10%:90%)": 5.5, "TM(:30%)": 2, "TM(80%:)": 9.5, "TM(2:5)": 4, "TM(:2)": 1.5, "IQM": 5.5,
		"tc90": 9, "TC(2:5)": 3, "TC(2.5:)": 8, "ts90": 45, "TS(9:)": 10, "PR(:5)": 50, "PR(5:8)": 30, "PR(5.5:)": 50, "TC(20:)": 0, "TC(5:2)": 0,
		"wm90": 5.4, "WM(20%:80%)": 5.5, "WM(:2)": 1.9,
	} {
		if got, ok := awssim.Statistic(name, values); !ok || got != want {
			t.Errorf("%s is %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "p", "p101", "p-1", "P50", "Median", "TM(:)", "TM(1:90%)", "PR(10%:)", "tm", "IQM()", "p50 ", "sum"} {
		if _, ok := awssim.Statistic(name, values); ok {
			t.Errorf("%q is a statistic", name)
		}
	}
	for _, name := range []string{"TM(20:)", "WM(20:)", "TM(5:2)", "TM(90%:10%)"} {
		if got, ok := awssim.Statistic(name, values); !ok || !math.IsNaN(got) {
			t.Errorf("%s of nothing is %v, %v", name, got, ok)
		}
	}
}

// TestRecords checks CloudTrail's records of every event against what AWS's own look like.
func TestRecords(t *testing.T) {
	const hidden = `"HIDDEN_DUE_TO_SECURITY_REASONS"`
	const delivery = `{"destination": ` + hidden + `, "deliveryMedium": "EMAIL", "attributeName": "email"}`
	type part struct{ request, response string }
	user := `{"user": {"username": ` + hidden + `, "attributes": ` + hidden + `, "enabled": true, "userStatus": "FORCE_CHANGE_PASSWORD",
		"userCreateDate": "DATE", "userLastModifiedDate": "DATE"}}`
	admin := `{"userPoolId": "eu-west-1_a", "username": ` + hidden + `, "temporaryPassword": ` + hidden + `, "userAttributes": ` + hidden + `, "forceAliasCreation": false, "desiredDeliveryMediums": %s}`
	token := `{"accessToken": ` + hidden + `, "userAttributes": ` + hidden + `}`
	signUp := `{"clientId": "1a", "username": ` + hidden + `, "password": ` + hidden + `, "userAttributes": ` + hidden + `}`
	public := `{"clientId": "1a", "username": ` + hidden + `}`
	for hide, wants := range map[bool]map[string]part{
		false: {
			"SignUp":                           {signUp, `{"userConfirmed": false, "userSub": "SUB", "codeDeliveryDetails": ` + delivery + `}`},
			"ResendConfirmationCode":           {public, `{"codeDeliveryDetails": ` + delivery + `}`},
			"ForgotPassword":                   {public, `{"codeDeliveryDetails": ` + delivery + `}`},
			"AdminCreateUser":                  {fmt.Sprintf(admin, `["EMAIL"]`), user},
			"AdminResetUserPassword":           {`{"userPoolId": "eu-west-1_a", "username": ` + hidden + `}`, `{}`},
			"UpdateUserAttributes":             {token, `{"codeDeliveryDetailsList": [` + delivery + `]}`},
			"GetUserAttributeVerificationCode": {`{"accessToken": ` + hidden + `, "attributeName": "email"}`, `{"codeDeliveryDetails": ` + delivery + `}`},
			"Signup_POST":                      {`null`, `null`},
		},
		true: {
			"SignUp":               {signUp, `{"userConfirmed": false, "userSub": "SUB", "codeDeliveryDetails": ` + hidden + `}`},
			"AdminCreateUser":      {fmt.Sprintf(admin, hidden), user},
			"UpdateUserAttributes": {token, `{"codeDeliveryDetailsList": ` + hidden + `}`},
		},
	} {
		for name, want := range wants {
			_, cfg := start(t, awssim.Options{NoDelays: true, Now: func() time.Time { return noon }, Fleet: parse(t, fmt.Sprintf(
				`accounts: [{id: "100000000001", regions: {eu-west-1: {pools: [{id: eu-west-1_a, clients: [{id: 1a}], traffic: {per_hour: {%s: 5}, hide_delivery: %v, float_status: true}}]}}}]`, name, hide))})
			out, err := cloudtrail.NewFromConfig(cfg).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
				LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: "EventName", AttributeValue: &name}}, StartTime: aws.Time(noon.Add(-3 * time.Hour)),
			})
			if err != nil || len(out.Events) == 0 {
				t.Fatalf("%s: %v, %v", name, out, err)
			}
			text := *out.Events[0].CloudTrailEvent
			var record map[string]any
			if err := json.Unmarshal([]byte(text), &record); err != nil {
				t.Fatal(err)
			}
			keys := slices.Sorted(maps.Keys(record))
			if name == "Signup_POST" {
				if want := []string{
					"additionalEventData", "awsRegion", "eventCategory", "eventID", "eventName", "eventSource", "eventTime", "eventType", "eventVersion", "managementEvent", "readOnly",
					"recipientAccountId", "requestID", "requestParameters", "responseElements", "serviceEventDetails", "sourceIPAddress", "userAgent", "userIdentity",
				}; !slices.Equal(keys, want) {
					t.Errorf("%s: keys %q", name, keys)
				}
				if !strings.Contains(text, `"responseParameters":{"status":302.0}`) || record["eventType"] != "AwsServiceEvent" {
					t.Errorf("%s: %s", name, text)
				}
			} else if want := []string{
				"additionalEventData", "awsRegion", "eventCategory", "eventID", "eventName", "eventSource", "eventTime", "eventType", "eventVersion", "managementEvent", "readOnly",
				"recipientAccountId", "requestID", "requestParameters", "responseElements", "sourceIPAddress", "tlsDetails", "userAgent", "userIdentity",
			}; !slices.Equal(keys, want) {
				t.Errorf("%s: keys %q", name, keys)
			}
			extra, _ := record["additionalEventData"].(map[string]any)
			sub, _ := extra["sub"].(string)
			date := out.Events[0].EventTime.UTC().Format("Jan 2, 2006, 3:04:05 PM")
			for key, want := range map[string]string{"requestParameters": want.request, "responseElements": want.response} {
				var expected any
				if err := json.Unmarshal([]byte(strings.NewReplacer("SUB", sub, "DATE", date).Replace(want)), &expected); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(record[key], expected) {
					t.Errorf("%s, hide_delivery %v: %s is %v, want %v", name, hide, key, record[key], expected)
				}
			}
		}
	}
}

// TestTokens checks that a token is good only for the call that it was made for.
func TestTokens(t *testing.T) {
	_, cfg := startEverything(t)
	client := cloudtrail.NewFromConfig(cfg)
	from := noon.Add(-time.Hour)
	first, err := client.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(2), StartTime: &from})
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(1), StartTime: &from, NextToken: first.NextToken})
	if err != nil || *second.Events[0].EventId == *first.Events[0].EventId || *second.Events[0].EventId == *first.Events[1].EventId {
		t.Errorf("%+v, %v", second, err)
	}
	if _, err := client.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{NextToken: first.NextToken}); code(err) != "InvalidNextTokenException" {
		t.Errorf("with another start: %v", err)
	}
	pools, err := cognitoidentityprovider.NewFromConfig(cfg).ListUserPools(t.Context(), &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cognitoidentityprovider.NewFromConfig(cfg).ListUserPoolClients(t.Context(), &cognitoidentityprovider.ListUserPoolClientsInput{
		UserPoolId: pools.UserPools[0].Id, NextToken: pools.NextToken,
	}); code(err) != "InvalidParameterException" {
		t.Errorf("of another operation: %v", err)
	}
}

// TestTruth checks what counts as sent: not what a Lambda sends, and a mail
// only once that has two events.
func TestTruth(t *testing.T) {
	sim, cfg := start(t, awssim.Options{NoDelays: true, NoQuotas: true, Now: func() time.Time { return noon }, Fleet: parse(t, `
default_quota: {limit: 3}
accounts: [{id: "100000000001", regions: {eu-west-1: {pools: [
	{id: eu-west-1_Lambda, custom_sender: "arn:aws:lambda:eu-west-1:100000000001:function:sender", traffic: {sent_today: 9}},
	{id: eu-west-1_Pages, traffic: {per_hour: {Signup_POST: 4}, pages_also_call: true}}]}}}]`)})
	truth := sim.Truth()
	if len(truth) != 2 || truth[0].Sent != 0 || truth[0].Refused != 0 || truth[0].SignUps != 9 || truth[1].Sent != 3 || truth[1].Refused == 0 || truth[1].SignUps != 3 {
		t.Errorf("truth %+v", truth)
	}
	failures := map[string]int{} // by event name
	for p := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(cfg), &cloudtrail.LookupEventsInput{StartTime: aws.Time(noon.Add(-3 * time.Hour))}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if strings.Contains(*e.CloudTrailEvent, "LimitExceededException") || strings.Contains(*e.CloudTrailEvent, `"status":400`) {
				failures[*e.EventName]++
			}
		}
	}
	if failures["SignUp"] != truth[1].Refused || failures["Signup_POST"] != truth[1].Refused {
		t.Errorf("failures %v, refused %d", failures, truth[1].Refused)
	}
}

// TestMaxDatapoints checks that GetMetricData pages.
func TestMaxDatapoints(t *testing.T) {
	_, cfg := startEverything(t)
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(noon.Add(-time.Hour)), EndTime: &noon, MaxDatapoints: aws.Int32(4)}
	for i := range 4 {
		in.MetricDataQueries = append(in.MetricDataQueries, cwtypes.MetricDataQuery{Id: aws.String(fmt.Sprint("m", i)), MetricStat: bounces("Sum", 1800)})
	}
	var pages []int
	var ids []string
	for p := cloudwatch.NewGetMetricDataPaginator(cloudwatch.NewFromConfig(cfg), in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, len(out.MetricDataResults))
		for _, r := range out.MetricDataResults {
			ids = append(ids, *r.Id)
		}
	}
	if !slices.Equal(pages, []int{2, 2}) || !slices.Equal(ids, []string{"m0", "m1", "m2", "m3"}) {
		t.Errorf("results %v on pages of %v", ids, pages)
	}
}

// TestRESTPaths checks paths that need escaping, and the older way to list identities.
func TestRESTPaths(t *testing.T) {
	sim, _ := startEverything(t)
	for path, want := range map[string]string{
		"/v2/email/identities/" + url.PathEscape("Box@example.org"): `"IdentityType":"EMAIL_ADDRESS"`,
		"/v2/email/identities/Box%40example.org":                    `"IdentityType":"EMAIL_ADDRESS"`,
		"/v2/email/identities/box%40example.org":                    "Email identity box@example.org does not exist.",
		"/v2/email/identities?PageSize=1":                           `"NextToken":`,
		"/v2/email/account":                                         `"Max24HourSend":50000.0`,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/eu-west-1/ses/aws4_request, SignedHeaders=host, Signature=00")
		w := httptest.NewRecorder()
		if sim.ServeHTTP(w, r); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
}

// TestDocs checks that docs/awssim.md names exactly the operations that are
// answered, and that its fleet is one.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../docs/awssim.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	region := parse(t, example).Accounts[0].Regions["eu-west-1"]
	if len(region.Pools) != 1 || len(region.Identities) != 1 || region.Identities[0].MailFrom.Domain == "" {
		t.Errorf("the example has %+v", region)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		column := strings.Split(line, " | ")
		if services := strings.Split(strings.TrimPrefix(column[0], "| "), ", "); len(column) == 3 && awssim.Operations()[services[0]] != nil {
			names, _, _ := strings.Cut(column[1], ";")
			for i, name := range strings.Split(names, ", ") {
				documented[services[min(i, len(services)-1)]+" "+name] = true
			}
		}
	}
	for service, names := range awssim.Operations() {
		for _, name := range names {
			if !documented[service+" "+name] {
				t.Errorf("%s %s is not documented", service, name)
			}
			delete(documented, service+" "+name)
		}
	}
	if len(documented) > 0 {
		t.Errorf("documented, but not answered: %v", slices.Collect(maps.Keys(documented)))
	}
}

// FuzzServe sends anything to the server, which answers with a body and a
// message whatever it is.
func FuzzServe(f *testing.F) {
	sim, err := awssim.New(awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, Now: func() time.Time { return noon }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/", "AWSCognitoIdentityProviderService.ListUserPools", "cognito-idp", []byte(`{"MaxResults": 1, "NextToken": null}`))
	f.Add("/", "GraniteServiceVersion20100801.GetMetricData", "monitoring", []byte(`{"StartTime": 1, "EndTime": 2, "MetricDataQueries": [{"Id": "a", "MetricStat": {"Metric": {}, "Period": 60, "Stat": "TM(1:2)"}}]}`))
	f.Add("/", "CloudTrail_20131101.LookupEvents", "cloudtrail", []byte(`{"LookupAttributes": [null]}`))
	f.Add("/service/GraniteServiceVersion20100801/operation/ListMetrics", "", "monitoring", []byte("\xa1\x6aMetricName\x61x"))
	f.Add("/", "", "sts", []byte("Action=AssumeRole&Version=2011-06-15&RoleArn=a&Tags.member.1.Key=b&Tags.member.x=c&member=d&.=e"))
	f.Add("/v2/email/list-identities?PageSize=1", "", "ses", []byte("{}"))
	f.Add("/listRegions", "", "account", []byte("null"))
	f.Fuzz(func(t *testing.T, path, target, service string, body []byte) {
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(u.Path, "/_") {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(body))
		r.URL = u
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/eu-west-1/"+service+"/aws4_request, SignedHeaders=host, Signature=00")
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, r)
		if w.Code == 200 && w.Body.Len() == 0 || w.Code >= 500 || w.Code >= 400 && !bytes.Contains(bytes.ToLower(w.Body.Bytes()), []byte("message")) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
