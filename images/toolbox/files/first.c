/* See alone() in collect.py. */
int getpid(void)
{
    return 1;
}
