import type { Generated } from 'kysely'

/** The tables of auth-service; `migrations/src/auth` says what they are for. */
export interface AuthDatabase {
  users: {
    id: string
    email: string
    name: string
    password_hash: string
    password_version: Generated<number>
    password_changed_at: Generated<Date>
    created_at: Generated<Date>
  }
  refresh_families: {
    id: string
    user_id: string
    created_at: Generated<Date>
    revoked_at: Date | null
    revoked_because:
      | 'logout'
      | 'reuse'
      | 'logout_all'
      | 'ended'
      | 'password_changed'
      | 'password_reset'
      | null
    client: Generated<string>
    device_hash: Buffer | null
  }
  refresh_tokens: {
    token_hash: Buffer
    family_id: string
    issued_at: Generated<Date>
    expires_at: Date
    used_at: Date | null
    successor_salt: Buffer | null
  }
  wallet_provisioning: {
    user_id: string
    currency: string
    created_at: Generated<Date>
    attempts: Generated<number>
    next_attempt_at: Generated<Date>
    last_error: string | null
    provisioned_at: Date | null
  }
}
