/**
 * The statements that the client sends, one for each verb. Parameters are cast, so that no driver
 * has to guess a type; the answer is text, so that no type parser can change it.
 */
export interface Calls {
  readonly createAccount: string
  readonly getAccount: string
  readonly transfer: string
  readonly hold: string
  readonly capture: string
  readonly release: string
  readonly expireHolds: string
  readonly lookup: string
  readonly balance: string
  readonly entries: string
  readonly trialBalance: string
  readonly verify: string
}

export function callsOf(s: string): Calls {
  const call = (name: string, ...types: string[]): string => {
    const parameters = types.map((type, i) => `$${i + 1}::${type}`).join(', ')
    return `select ${s}.${name}(${parameters})::text as result`
  }
  const movement = ['uuid', 'uuid', 'uuid', 'bigint', 'text', 'text', 'jsonb']
  return {
    createAccount: call('create_account', 'uuid', 'text', 'text', 'bigint', 'bigint', 'jsonb'),
    getAccount: call('get_account', 'uuid'),
    transfer: call('transfer', ...movement),
    hold: call('hold', ...movement, 'bigint'),
    capture: call('capture', 'uuid', 'uuid', 'bigint', 'boolean'),
    release: call('release', 'uuid'),
    expireHolds: call('expire_holds', 'integer'),
    lookup: call('lookup', 'uuid'),
    balance: call('balance', 'uuid'),
    entries: call('entries', 'uuid', 'bigint', 'integer', 'boolean'),
    trialBalance: call('trial_balance'),
    verify: call('verify', 'integer'),
  }
}
