package principal

import "fmt"

// The reasons why a name is not mapped, and why a connection has no principal.
var (
	ErrMalformedName = errMalformedName
	ErrNoRule        = errNoRule
	ErrRuleFailed    = errRuleFailed
	ErrNotSimpleName = errNotSimpleName

	ErrHandshake           = errHandshake
	ErrUnverified          = errUnverified
	ErrNoCertificateName   = errNoCertificateName
	ErrUnknownMechanism    = errUnknownMechanism
	ErrNoKerberosRules     = errNoKerberosRules
	ErrNoTokenOwner        = errNoTokenOwner
	ErrNoClaim             = errNoClaim
	ErrNoAuthorizationName = errNoAuthorizationName
)

// ExpandKerberosFormat fills in the format of a Kafka rule: $0 is the first parameter,
// which is the realm of a name, $1 is the second, and so on. A reference to a missing
// parameter and a dollar sign without a number are errors.
//
// Source: Kafka's KerberosRule.replaceParameters.
func ExpandKerberosFormat(format string, params []string) (string, error) {
	parts := parseFormat(format)
	if len(params) == 0 { // not even a realm
		if fault := parts.fault(-1); fault != "" {
			return "", fmt.Errorf("%w: %s", ErrRuleFailed, fault)
		}
		params = []string{""}
	}
	text, fault := parts.fill(&kerberosName{realm: params[0], components: params[1:]})
	if fault != "" {
		return "", fmt.Errorf("%w: %s", ErrRuleFailed, fault)
	}
	return text, nil
}

const DefaultRules = defaultRules

func SplitKerberosRules(value string) []string { return splitKerberosRules(value) }

// Unwrap returns the reason.
func (e *NameError) Unwrap() error { return e.Reason }
