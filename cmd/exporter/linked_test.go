//go:build linux && !race

package main

import (
	"debug/elf"
	"debug/gosym"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestOperationsThatAreLinked looks for operations of AWS in the program: those
// that are never called are not to be in it. As soon as a client becomes an
// interface, all of its operations are, which takes megabytes of memory.
func TestOperationsThatAreLinked(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	section := func(name string) *elf.Section {
		s := file.Section(name)
		if s == nil {
			t.Fatalf("no section %s", name)
		}
		return s
	}
	lines, err := section(".gopclntab").Data()
	if err != nil {
		t.Fatal(err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(lines, section(".text").Addr))
	if err != nil {
		t.Fatal(err)
	}
	for service, api := range map[string]string{
		"cognitoidentityprovider": inventory.APICognito, "sesv2": inventory.APISES, "cloudwatch": inventory.APICloudWatch, "cloudtrail": inventory.APICloudTrail,
	} {
		client, found := "github.com/aws/aws-sdk-go-v2/service/"+service+".(*Client).", 0
		for i := range table.Funcs {
			operation, ok := strings.CutPrefix(table.Funcs[i].Name, client)
			if !ok || strings.ContainsAny(operation, ".-") || strings.ToLower(operation[:1]) == operation[:1] || operation == "Options" {
				continue
			}
			if found++; !slices.Contains(awsread.Operations()[api], operation) {
				t.Errorf("%s of %s is in the program", operation, service)
			}
		}
		if found == 0 {
			t.Errorf("no operation of %s is in the program", service)
		}
	}
}
