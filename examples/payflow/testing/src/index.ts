/**
 * What the tests of the services share: access tokens, services as processes, requests, bad input.
 *
 * @packageDocumentation
 */
export { badBodiesOf, type BadBody } from './bad-bodies.ts'
export { eventsIn, follow, type Followed } from './follow.ts'
export { RunningService, type TestedService } from './running-service.ts'
export { expectProblem, send, type Incoming, type Outgoing } from './send.ts'
export { startTokenIssuer, type TokenIssuer } from './token-issuer.ts'
