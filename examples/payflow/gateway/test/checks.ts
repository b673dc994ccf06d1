/** What each check of the gateway does, under the name its function has in the code. */
import type { ProblemCode } from '@payflow-app/contracts'

/** One thing that happens to a request on its way. */
export interface Check {
  readonly what: string
  /** The problems it answers with; none for what only notes or adds something. */
  readonly refuses: readonly ProblemCode[]
}

/** What happens to every request, before its path is looked at. */
export const everyRequest: Readonly<Record<string, Check>> = {
  requestId: {
    what: 'Takes over a well-formed `X-Request-Id`, or makes one. The answer, every log line and every call behind carry it.',
    refuses: [],
  },
  traceRequest: {
    what: 'Begins the request’s span under `/api`. Goes on with the trace of our own page; that of anybody else is only linked.',
    refuses: [],
  },
  measureRequest: { what: 'Measures how long the answer takes, by route and status.', refuses: [] },
  logAccess: {
    what: 'Writes one line with the answer: never a query, a body or a header.',
    refuses: [],
  },
  endConnectionWhenDraining: {
    what: 'While the process stops, ends the connection with the answer.',
    refuses: [],
  },
  helmetMiddleware: {
    what: 'Sets the security headers: a content security policy without inline scripts, no framing, no sniffing.',
    refuses: [],
  },
  readJsonBody: {
    what: 'Reads the body: `application/json`, UTF-8, at most 64 KiB, not compressed.',
    refuses: ['unsupported-media-type', 'body-too-large', 'malformed-json', 'malformed-request'],
  },
  sameOriginOnly: {
    what: 'Under `/api`: refuses what a page of another site sends and could change something. There are no CORS headers either.',
    refuses: ['forbidden'],
  },
}

/** What happens on a route, in front of the service that answers. */
export const onRoutes: Readonly<Record<string, Check>> = {
  limitAddress: {
    what: 'Counts requests by address (IPv6: by /64).',
    refuses: ['rate-limited'],
  },
  authenticateUser: {
    what: 'Verifies the access token: EdDSA and nothing else, our issuer, our audience, not expired. Asks nobody: the public keys are at hand.',
    refuses: ['unauthenticated', 'service-unavailable'],
  },
  limitUser: { what: 'Counts requests by user.', refuses: ['rate-limited'] },
  validate: {
    what: 'Validates path, query and body by the contract, and goes on with the parsed values only.',
    refuses: ['validation-failed'],
  },
  limitAccount: {
    what: 'Counts attempts by the account they are for and the network they come from (IPv6: by /64).',
    refuses: ['rate-limited'],
  },
  claimKey: {
    what: 'Claims the Idempotency-Key in Redis, for this user, route and body. A repetition ends here, with the stored answer.',
    refuses: [
      'idempotency-key-missing',
      'idempotency-key-invalid',
      'idempotency-key-expired',
      'idempotency-in-progress',
      'idempotency-key-reused',
    ],
  },
  forwardRequest: {
    what: 'Calls the service with the same token, and passes on its answer byte for byte. A read whose connection is cut is asked once more; a payment is not, for its client has the key. The service checks the token, the owner and the body once more by itself.',
    refuses: ['service-unavailable', 'upstream-timeout'],
  },
  forwardEvents: {
    what: 'The same for a stream of events: passes on each part as it comes, for as long as the service, which ends it when the token does, and the client go on. No more than 10 streams of a user and 2,000 of all at a time (`STREAMS_PER_USER_MAX`, `STREAMS_MAX`).',
    refuses: ['rate-limited', 'service-unavailable', 'upstream-timeout'],
  },
}
