// Package alerts tells the editors what needs them: by mail, and as a post to a
// chat's webhook.
//
// An alert is recorded in the transaction that gave the reason for it, so that
// neither is without the other, and sent by whichever process runs a [Desk]. Of
// one cause the editors hear at most once an hour, whichever process raises it
// and however often. What a mail server or a webhook does not take is tried
// again for half a day.
package alerts
