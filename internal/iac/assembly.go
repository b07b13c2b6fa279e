package iac

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// maxNested is how many cloud assemblies, or stacks, may be in each other.
const maxNested = 10

// artifact is one of those that the manifest of a cloud assembly lists.
type artifact struct {
	Type        string `json:"type"`
	Environment string `json:"environment"` // aws://ACCOUNT/REGION
	Properties  struct {
		TemplateFile  string `json:"templateFile"`
		DirectoryName string `json:"directoryName"`
		StackName     string `json:"stackName"`
	} `json:"properties"`
}

// openAssembly reads the directory that cdk synth writes.
func openAssembly(dir string) (*Document, error) {
	stacks, err := stacksIn(dir, 0)
	if err != nil {
		return nil, err
	}
	return &Document{Format: CDK, find: func(p *Plan) {
		for _, s := range stacks {
			s.find(p)
		}
	}}, nil
}

// stacksIn returns the stacks of the cloud assembly in a directory, and of those
// in it.
func stacksIn(dir string, within int) ([]*stack, error) {
	file := filepath.Join(dir, "manifest.json")
	if within > maxNested {
		return nil, fmt.Errorf("%s: more than %d cloud assemblies are in each other", file, maxNested)
	}
	data, err := yamlfile.ReadUpTo(file, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("a directory must be a CDK cloud assembly: %w", err)
	}
	var manifest struct {
		Artifacts map[string]artifact `json:"artifacts"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, fmt.Errorf("%s: not the manifest of a CDK cloud assembly: %w", file, err)
	}
	var all []*stack
	for _, id := range slices.Sorted(maps.Keys(manifest.Artifacts)) {
		a := manifest.Artifacts[id]
		switch a.Type {
		case "aws:cloudformation:stack":
			s, err := readAsset(dir, a.Properties.TemplateFile)
			if err != nil {
				return nil, fmt.Errorf("%s: stack %s: %w", file, yamlfile.Quote(id), err)
			}
			s.name, s.env, s.dir = cmp.Or(a.Properties.StackName, id), environment(a.Environment), dir
			all = append(all, s)
		case "cdk:cloud-assembly":
			if !filepath.IsLocal(a.Properties.DirectoryName) {
				return nil, fmt.Errorf("%s: %s is not a directory in it", file, yamlfile.Quote(a.Properties.DirectoryName))
			}
			inner, err := stacksIn(filepath.Join(dir, a.Properties.DirectoryName), within+1)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
		}
	}
	return all, nil
}

// readAsset reads a template in the directory of a cloud assembly.
func readAsset(dir, name string) (*stack, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%s is not a file in the cloud assembly", yamlfile.Quote(name))
	}
	path := filepath.Join(dir, name)
	data, err := yamlfile.Read(path)
	if err != nil {
		return nil, err
	}
	return readStack(path, data)
}

// environment returns the account and the region of aws://ACCOUNT/REGION, as far
// as they are known.
func environment(s string) (k inventory.Key) {
	account, region, _ := strings.Cut(strings.TrimPrefix(s, "aws://"), "/")
	if isAccount(account) {
		k.AccountID = account
	}
	if isRegion(region) {
		k.Region = region
	}
	return k
}
