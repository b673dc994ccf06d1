/** Parameters of every function that posts many items. Arrays have one element an item. */
export const MANY_PARAMETERS = `
  -- Distinct, in order of id; the sides of items are places in this list.
  p_accounts uuid[],
  p_ids uuid[],
  -- Of an item whose id comes more than once: the place of the first that has it. Null: no such.
  p_firsts integer[],
  p_debits integer[], p_credits integer[], p_amounts bigint[], p_currencies text[],
  -- Null where no item has any.
  p_codes text[], p_metadata jsonb[], p_effective timestamptz[], p_record boolean[]`

/** Their types, for `call`. */
export const MANY_TYPES = [
  'uuid[]',
  'uuid[]',
  'integer[]',
  'integer[]',
  'integer[]',
  'bigint[]',
  'text[]',
  'text[]',
  'jsonb[]',
  'timestamptz[]',
  'boolean[]',
] as const

/** Their names, to pass them on. */
export const MANY_ARGUMENTS = `p_accounts, p_ids, p_firsts, p_debits, p_credits, p_amounts,
    p_currencies, p_codes, p_metadata, p_effective, p_record`
