/** What the page says of an account's activity, in plain words. */
import type { ActivityType } from '@payflow-app/contracts'

const sentences: Readonly<Record<ActivityType, string>> = {
  registered: 'You opened your wallet.',
  logged_in: 'Logged in with your password.',
  login_failed: 'Somebody tried a wrong password.',
  login_refused: 'An attempt to log in was not looked at, after too many wrong passwords.',
  locked: 'Too many wrong passwords: none was looked at for a while.',
  logged_out: 'Logged out.',
  logged_out_everywhere: 'Logged out everywhere.',
  session_ended: 'A session was ended from another one.',
  session_stolen: 'A session came from two places at once, so it was ended.',
  password_changed: 'The password was changed.',
  password_change_failed: 'Changing the password failed: the current one was wrong.',
  password_reset_requested: 'A link for a new password was asked for.',
  password_reset: 'A new password was set with the link from a mail.',
}

/** Worth a second look when it wasn't you. */
const alarming: ReadonlySet<ActivityType> = new Set<ActivityType>([
  'login_failed',
  'login_refused',
  'locked',
  'session_stolen',
  'password_change_failed',
])

/** An event as a sentence. One that this page doesn't know yet still gets one. */
export function activityText(type: ActivityType): string {
  return sentences[type] ?? `Something happened: “${type}”.`
}

/** Whether an event may be somebody else's doing. */
export function isAlarming(type: ActivityType): boolean {
  return alarming.has(type)
}
