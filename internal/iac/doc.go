// Package iac reads what is still to be deployed: a plan of Terraform as
// "terraform show -json" prints it, a template of CloudFormation, or what CDK
// has synthesized. It says which user pools that creates or changes, with what
// is known of their e-mail, and what is known only once it is applied.
//
// [Open] or [Parse] reads a file, [Document.Plan] finds the user pools in it, and
// [Plan.Join] puts them beside what was read of AWS, to be judged as any others.
//
// It must not know AWS, rules or how findings are shown. What a plan marks as
// sensitive, and parameters with NoEcho, are taken as not known, so that no
// later part can print them.
package iac
