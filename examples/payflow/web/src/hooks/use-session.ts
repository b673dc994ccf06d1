import { useSyncExternalStore } from 'react'
import { session } from '../api/browser-session.ts'
import type { SessionState } from '../api/session.ts'

/** Who is signed in; renders again when that changes. */
export function useSession(): SessionState {
  return useSyncExternalStore(session.subscribe, session.state)
}
