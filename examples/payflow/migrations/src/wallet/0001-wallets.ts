/*
 * wallets  which ledger account holds a user's money in a currency. The balance is the ledger's
 *          alone; nothing here repeats it.
 */
export const wallets = `
create table public.wallets (
  user_id uuid not null,
  currency text not null,
  account_id uuid not null,
  opened_at timestamptz not null default now(),
  constraint wallets_pkey primary key (user_id, currency),
  constraint wallets_account_key unique (account_id)
);
`
