package iac

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// shown is a value in a line: a text in quotes, a list, nothing, or ? for one
// that is not known.
func shown(e *evaluator, v string) string {
	n := e.resolve(child(child(e.root, "Values"), v))
	if n == nil {
		return "nothing"
	}
	if items, known := e.items(n); known {
		var all []string
		for _, item := range items {
			text, ok := e.text(item)
			all = append(all, fmt.Sprintf("%q %v", text, ok))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	if text, known := e.text(n); known {
		return fmt.Sprintf("%q", text)
	}
	return "?"
}

// TestFunctions works out functions, in both forms, and what is not known.
func TestFunctions(t *testing.T) {
	const head = `
Parameters:
  Name: {Type: String, Default: shop}
  Open: {Type: String}
  Hidden: {Type: String, Default: x, NoEcho: "true"}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /x}
  Many: {Type: List<String>, Default: "a, b"}
Mappings: {M: {eu-west-1: {Key: value}}}
Conditions:
  Yes: !Equals [!Ref Name, shop]
  No: !Not [!Condition Yes]
  Perhaps: !Equals [!Ref Open, x]
  YesAndPerhaps: !And [!Condition Yes, !Condition Perhaps]
  NoAndPerhaps: !And [Condition: No, !Condition Perhaps]
  YesOrPerhaps: !Or [!Condition Yes, !Condition Perhaps]
  NoOrPerhaps: !Or [!Condition No, !Condition Perhaps]
  AndOfNoList: {"Fn::And": {"Fn::Transform": {Name: M}}}
  OrOfNoList: !Or x
  Account: !Equals [!Ref AWS::AccountId, "111122223333"]
Resources:
  I: {Type: AWS::SES::EmailIdentity, Properties: {EmailIdentity: !Sub "${Name}.example"}}
  S: {Type: AWS::SES::ConfigurationSet, Properties: {Name: set}}
  Unnamed: {Type: AWS::SES::ConfigurationSet}
  B: {Type: AWS::S3::Bucket, Properties: {Name: x}}
Values:
`
	key := inventory.Key{AccountID: "111122223333", Region: "eu-west-1"}
	for _, tt := range []struct{ value, want, unplaced string }{
		{"plain", `"plain"`, ""},
		{"!Ref Name", `"shop"`, ""},
		{"{Ref: Name}", `"shop"`, ""},
		{"!Ref Open", "?", ""},
		{"!Ref Hidden", "?", ""},
		{"!Ref Stored", "?", ""},
		{"!Ref Many", `["a" true, "b" true]`, ""},
		{"!Ref I", `"shop.example"`, ""},
		{"!Ref S", `"set"`, ""},
		{"!Ref Unnamed", "?", ""},
		{"!Ref B", "?", ""},
		{"!Ref Nowhere", "?", ""},
		{"!Ref AWS::NoValue", "nothing", ""},
		{"!Ref AWS::StackName", "?", ""},
		{"!Ref AWS::Region", `"eu-west-1"`, "?"},
		{"!Ref AWS::AccountId", `"111122223333"`, "?"},
		{"!Ref AWS::Partition", `"aws"`, ""},
		{`!Sub "${Name}-${!Name}-${AWS::Region}-${"`, `"shop-${Name}-eu-west-1-${"`, "?"},
		{`!Sub ["${A}${Name}", {A: !Ref I}]`, `"shop.exampleshop"`, ""},
		{`!Sub "${I.Arn}"`, "?", ""},
		{`!Sub "${Open}"`, "?", ""},
		{`!Sub [[x]]`, "?", ""},
		{`!Sub []`, "?", ""},
		{`!Join ["-", [a, !Ref Name, !Ref "AWS::NoValue", c]]`, `"a-shop-c"`, ""},
		{`!Join ["-", !Ref Many]`, `"a-b"`, ""},
		{`!Join ["-", [a, !Ref Open]]`, "?", ""},
		{`!Join ["-", x]`, "?", ""},
		{`!Join [[], [a]]`, "?", ""},
		{`!Select [1, !Ref Many]`, `"b"`, ""},
		{`!Select ["0", [!Ref Name]]`, `"shop"`, ""},
		{`!Select [2, !Ref Many]`, "?", ""},
		{`!Select [-1, !Ref Many]`, "?", ""},
		{`!Select [x, !Ref Many]`, "?", ""},
		{`!Split [",", "a,b"]`, `["a" true, "b" true]`, ""},
		{`!Split ["", "a,b"]`, "?", ""},
		{`!Split [",", !Ref Open]`, "?", ""},
		{`!FindInMap [M, !Ref "AWS::Region", Key]`, `"value"`, "?"},
		{`!FindInMap [M, nowhere, Key]`, "?", ""},
		{`!FindInMap [M]`, "?", ""},
		{`!If [Yes, a, b]`, `"a"`, ""},
		{`!If [No, a, !Ref "AWS::NoValue"]`, "nothing", ""},
		{`!If [Perhaps, a, b]`, "?", ""},
		{`!If [Perhaps, shop, !Ref Name]`, `"shop"`, ""},
		{`!If [YesAndPerhaps, a, b]`, "?", ""},
		{`!If [NoAndPerhaps, a, b]`, `"b"`, ""},
		{`!If [YesOrPerhaps, a, b]`, `"a"`, ""},
		{`!If [NoOrPerhaps, a, b]`, "?", ""},
		{`!If [AndOfNoList, a, b]`, "?", ""},
		{`!If [OrOfNoList, a, b]`, "?", ""},
		{`!If [Nowhere, a, b]`, "?", ""},
		{`!If [Account, a, b]`, `"a"`, "?"},
		{`!GetAtt I.Arn`, "?", ""},
		{`!ImportValue x`, "?", ""},
		{`[a, !Ref "AWS::NoValue", !Ref Name]`, `["a" true, "shop" true]`, ""},
		{`[a, !Ref Open]`, "?", ""},
		{`{a: b}`, "?", ""},
	} {
		for _, placed := range []bool{true, false} {
			s, err := readStack("x.yaml", []byte(head+"  V: "+tt.value+"\n"))
			if err != nil {
				t.Fatalf("%s: %v", tt.value, err)
			}
			k, want := key, tt.want
			if !placed {
				k = inventory.Key{}
				if tt.unplaced != "" {
					want = tt.unplaced
				}
			}
			if got := shown(newEvaluator(s, k), "V"); got != want {
				t.Errorf("%s in %v: %s, want %s", tt.value, k, got, want)
			}
		}
	}
}

// TestIdentityOfTemplate reads a SourceArn whose account or region are the
// stack's, and not known.
func TestIdentityOfTemplate(t *testing.T) {
	e := newEvaluator(&stack{}, inventory.Key{Region: "eu-west-1"})
	for text, want := range map[string]inventory.IdentityRef{
		"arn:aws:ses:us-east-1:" + ownAccount + ":identity/example.com":            {Partition: "aws", Region: "us-east-1", Name: "example.com"},
		"arn:aws:ses:" + ownRegion + ":111122223333:identity/example.com":          {Partition: "aws", Region: "eu-west-1", AccountID: "111122223333", Name: "example.com"},
		"arn:aws:ses:eu-west-1:" + ownAccount + ":identity/" + ownAccount + ".com": {},
		"arn:aws:ses:eu-west-1:" + ownAccount + ":topic/x":                         {},
		"\x00": {},
	} {
		if got := e.identity(scalar(text)); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
