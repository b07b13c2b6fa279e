package report

import (
	"encoding/xml"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// node is any element of XML.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

func (n *node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// schema is an XML schema, as far as Jenkins's for JUnit needs it: elements with
// attributes and a sequence of others.
type schema map[string]*node

func readSchema(t *testing.T, file string) schema {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := xml.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	s := schema{}
	for i := range root.Children {
		s[root.Children[i].attr("name")] = &root.Children[i]
	}
	return s
}

// validate lists in what the element is not as the schema says.
func (s schema) validate(n *node) (broken []string) {
	name := n.XMLName.Local
	defined := s[name]
	if defined == nil {
		return []string{"unknown element " + name}
	}
	bad := func(format string, args ...any) {
		broken = append(broken, name+": "+fmt.Sprintf(format, args...))
	}
	allowed, sequence, mixed := map[string]bool{}, []node(nil), defined.attr("type") == "xs:string"
	for _, typ := range defined.Children {
		mixed = mixed || typ.attr("mixed") == "true"
		for _, part := range typ.Children {
			if part.XMLName.Local == "sequence" {
				sequence = part.Children
				continue
			}
			allowed[part.attr("name")] = true
			if part.attr("use") == "required" && n.attr(part.attr("name")) == "" {
				bad("no attribute %s", part.attr("name"))
			}
		}
	}
	for _, a := range n.Attrs {
		if !allowed[a.Name.Local] {
			bad("attribute %s", a.Name.Local)
		}
	}
	if !mixed && strings.TrimSpace(n.Text) != "" {
		bad("text %q", n.Text)
	}
	rest := n.Children
	for _, part := range sequence {
		count := 0
		for len(rest) > 0 && rest[0].XMLName.Local == part.attr("ref") {
			count, rest = count+1, rest[1:]
		}
		most, err := strconv.Atoi(part.attr("maxOccurs"))
		if least := part.attr("minOccurs"); count == 0 && least != "0" || err == nil && count > most {
			bad("%d times %s", count, part.attr("ref"))
		}
	}
	for _, r := range rest {
		bad("%s is not allowed there", r.XMLName.Local)
	}
	for i := range n.Children {
		broken = append(broken, s.validate(&n.Children[i])...)
	}
	return broken
}

func TestJUnit(t *testing.T) {
	s := readSchema(t, "testdata/jenkins-junit.xsd")
	r := full(t)
	var root node
	if err := xml.Unmarshal([]byte(write(t, r, "junit")), &root); err != nil {
		t.Fatal(err)
	}
	for _, broken := range s.validate(&root) {
		t.Error(broken)
	}
	suite := &root.Children[0]
	counted := map[string]int{"tests": len(suite.Children)}
	outcome := map[string]string{}
	for _, c := range suite.Children {
		key := c.attr("classname") + " " + c.attr("name")
		outcome[key] = "passed"
		for _, problem := range c.Children {
			outcome[key] = problem.XMLName.Local
			counted[map[string]string{"failure": "failures", "error": "errors", "skipped": "skipped"}[problem.XMLName.Local]]++
		}
	}
	for _, name := range []string{"tests", "failures", "errors", "skipped"} {
		if got := suite.attr(name); got != strconv.Itoa(counted[name]) || counted[name] == 0 {
			t.Errorf("%s is %s, counted %d", name, got, counted[name])
		}
	}
	const pools = "any-pool 100000000001/eu-west-1/eu-west-1_"
	for key, want := range map[string]string{
		pools + "1": "skipped", pools + "2": "failure", pools + "3": "failure", pools + "9": "passed",
		"tier The tier is LITE": "passed", "target 100000000002/us-east-1/ses": "error",
	} {
		if outcome[key] != want {
			t.Errorf("%s: %q, want %s", key, outcome[key], want)
		}
	}
	if _, ok := outcome["any-pool There is a pool"]; ok {
		t.Error("a rule with findings has passed")
	}
}

// TestSchemaOfJUnit checks that the validator notices what is wrong.
func TestSchemaOfJUnit(t *testing.T) {
	s := readSchema(t, "testdata/jenkins-junit.xsd")
	for in, want := range map[string]string{
		`<testsuites><testsuite name="a" tests="1"><testcase name="b"/></testsuite></testsuites>`: "",
		`<testsuites><testsuite name="a"/></testsuites>`:                                          "testsuite: no attribute tests",
		`<testsuites><testcase name="b"/></testsuites>`:                                           "testsuites: testcase is not allowed there",
		`<testcase name="b"><failure/><error/></testcase>`:                                        "testcase: error is not allowed there",
		`<testcase name="b"><skipped/><skipped/></testcase>`:                                      "testcase: 2 times skipped",
		`<testcase name="b" file="c"/>`:                                                           "testcase: attribute file",
		`<testcase name="b">c</testcase>`:                                                         `testcase: text "c"`,
		`<test/>`:                                                                                 "unknown element test",
		`<properties/>`:                                                                           "properties: 0 times property",
	} {
		var n node
		if err := xml.Unmarshal([]byte(in), &n); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.validate(&n), "; "); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
