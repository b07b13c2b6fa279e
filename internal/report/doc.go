// Package report renders what check found, in the formats that people, pipelines
// and AWS read. Each format has its file and is a pure function of the [Report].
//
// It must not know how the readings came here, nor AWS clients or HTTP.
package report
