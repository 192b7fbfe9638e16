package ops

import "github.com/portcullis-authz/portcullis/resource"

// tokenAPIs are the requests for delegation tokens. Most of their rules are not ACLs. A
// connection that authenticated with a token, or that is not authenticated, may send
// none of them. A token's owner and renewers need no permission.
var tokenAPIs = []API{
	{
		Key:        CreateDelegationTokenKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"KafkaApis.handleCreateTokenRequest", "ControllerApis.handleCreateDelegationTokenRequest", "KafkaApis.allowTokenRequests", "ControllerApis.allowTokenRequests"},
		Documented: documents(CreateTokens.on(resource.User)),
		Steps: []Step{
			require(CreateTokens, resource.User, theOwner, "ownerPrincipalType and ownerPrincipalName, as User:bob").when(ownerIsAnother).
				denied(Effect{Scope: WholeRequest, Code: DelegationTokenAuthorizationFailed}).
				note("A token for oneself needs no permission. The broker asks, and the controller asks again."),
		},
		Guards: []Guard{
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(1, renewerNotUser, InvalidPrincipalType),
			guardRequest(1, tokensDisabled, DelegationTokenAuthDisabled),
		},
		Placement: topLevel,
	},
	{
		Key:        RenewDelegationTokenKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers: []string{"KafkaApis.handleRenewTokenRequest", "ControllerApis.handleRenewDelegationTokenRequest", "DelegationTokenControlManager.renewDelegationToken", "ControllerApis.allowTokenRequests"},
		Guards: []Guard{
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(0, tokensDisabled, DelegationTokenAuthDisabled),
			guardRequest(0, tokenMissing, DelegationTokenNotFound),
			guardRequest(0, tokenExpired, DelegationTokenExpired),
			guardRequest(0, tokenOfOthers, DelegationTokenOwnerMismatch),
		},
		Placement: topLevel,
		Notes:     []string{ownerOrRenewer},
	},
	{
		Key:        ExpireDelegationTokenKey,
		MinVersion: 1, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers: []string{"KafkaApis.handleExpireTokenRequest", "ControllerApis.handleExpireDelegationTokenRequest", "DelegationTokenControlManager.expireDelegationToken", "ControllerApis.allowTokenRequests"},
		Guards: []Guard{
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(0, tokensDisabled, DelegationTokenAuthDisabled),
			guardRequest(0, tokenMissing, DelegationTokenNotFound),
			guardRequest(0, tokenOfOthers, DelegationTokenOwnerMismatch),
			guardRequest(0, tokenExpired, DelegationTokenExpired),
		},
		Placement: topLevel,
		Notes:     []string{ownerOrRenewer, "Unlike renewing, it looks at the owner before it looks whether the token has expired."},
	},
	{
		Key:        DescribeDelegationTokenKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners:  onBoth,
		Handlers:   []string{"KafkaApis.handleDescribeTokensRequest", "KafkaApis.allowTokenRequests"},
		Documented: documents(Describe.on(resource.DelegationToken), DescribeTokens.on(resource.User)),
		Items:      []ItemList{{Of: eachToken}},
		Steps: []Step{
			requireEach(Describe, resource.DelegationToken, eachToken, "").when(tokenNotOwn).suffices().
				note("The name is the id of the token. Its owner, its requester and its renewers see it without."),
			requireEach(DescribeTokens, resource.User, eachTokenOwner, "").when(tokenNotOwn).fallbackOf(1).leavesOut().
				note("The name is the owner's principal, as User:bob."),
		},
		Guards: []Guard{
			notAtController,
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(0, tokensDisabled, DelegationTokenAuthDisabled),
		},
		Placement:   topLevel,
		Differences: []string{"The two documented operations are alternatives, and owner, requester and renewers need neither."},
		Notes:       []string{controllerLacksIt, "A null list of owners selects every token, an empty one none."},
	},
}

const ownerOrRenewer = "No ACL decides it: the caller must be the owner of the token or one of its renewers. Who requested it for another owner may not."
