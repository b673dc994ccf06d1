/** The one session of this tab, wired to the browser. */
import { Session } from './session.ts'

const channel = new BroadcastChannel('payflow.session')

export const session = new Session({
  fetch: (path, init) => fetch(path, init),
  /**
   * Refresh tokens rotate, and one that is used twice looks stolen. Two tabs share a cookie, so
   * they take turns. Browsers hide locks on plain-http origins other than localhost; there a
   * collision costs a login.
   */
  exclusively: (work) =>
    'locks' in navigator ? navigator.locks.request('payflow.refresh', work) : work(),
  announce: () => channel.postMessage('changed'),
  nowMs: () => performance.now(),
})

channel.addEventListener('message', session.recheck)
