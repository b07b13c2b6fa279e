//go:build race

package awsread

const raceEnabled = true
