// Entered by dynamic imports only, whose aliases the compiler does not resolve: this line's it does.
export * from '@ledger/runtime';
