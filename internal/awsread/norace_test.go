//go:build !race

package awsread

const raceEnabled = false
