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
		Steps: []step{
			require(CreateTokens, resource.User, theOwner, "ownerPrincipalType and ownerPrincipalName, as User:bob").when(ownerIsAnother).
				denied(effect{Scope: wholeRequest, Code: DelegationTokenAuthorizationFailed}).
				note("A token for the caller needs no permission. The broker checks, and the controller checks again."),
		},
		Guards: []guard{
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
		Guards: []guard{
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
		Guards: []guard{
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(0, tokensDisabled, DelegationTokenAuthDisabled),
			guardRequest(0, tokenMissing, DelegationTokenNotFound),
			guardRequest(0, tokenOfOthers, DelegationTokenOwnerMismatch),
			guardRequest(0, tokenExpired, DelegationTokenExpired),
		},
		Placement: topLevel,
		Notes:     []string{ownerOrRenewer, "Unlike renewal, it checks the owner before the expiry of the token."},
	},
	{
		Key:        DescribeDelegationTokenKey,
		MinVersion: 1, MaxVersion: 3,
		Listeners:  onBoth,
		Handlers:   []string{"KafkaApis.handleDescribeTokensRequest", "KafkaApis.allowTokenRequests"},
		Documented: documents(Describe.on(resource.DelegationToken), DescribeTokens.on(resource.User)),
		Items:      []itemList{{Of: eachToken}},
		Steps: []step{
			requireEach(Describe, resource.DelegationToken, eachToken, "").when(tokenNotOwn).suffices().
				note("The name is the id of the token. The owner, the requester and the renewers of the token need no permission."),
			requireEach(DescribeTokens, resource.User, eachTokenOwner, "").when(tokenNotOwn).fallbackOf(1).leavesOut().
				note("The name is the owner's principal, as User:bob."),
		},
		Guards: []guard{
			notAtController,
			guardRequest(0, channelForbidden, DelegationTokenRequestNotAllowed),
			guardRequest(0, tokensDisabled, DelegationTokenAuthDisabled),
		},
		Placement:   topLevel,
		Differences: []string{"Either of the two documented operations is sufficient. The owner, the requester and the renewers need neither."},
		Notes:       []string{controllerLacksIt, "A null list of owners selects every token; an empty list selects none."},
	},
}

const ownerOrRenewer = "No ACL decides this. The caller must be the owner or a renewer of the token. A requester who is not the owner may not do it."
