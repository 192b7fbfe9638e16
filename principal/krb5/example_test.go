package krb5_test

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/principal/krb5"
)

func ExampleParseConfig() {
	config, err := krb5.ParseConfig(`[libdefaults]
  default_realm = EXAMPLE.COM
[realms]
  EXAMPLE.COM = {
    kdc = kdc.example.com
    auth_to_local_names = {
      boss = carol
    }
    auth_to_local = RULE:[2:$1;$2](.*;admin)s/;/-/
    auth_to_local = DEFAULT
  }
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := config.MITRules()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"alice@EXAMPLE.COM", "bob/admin@EXAMPLE.COM", "boss@EXAMPLE.COM"} {
		fmt.Println(rules.ShortName(name))
	}
	// Output:
	// alice <nil>
	// bob-admin <nil>
	// carol <nil>
}
